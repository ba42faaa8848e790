-- All rooms after the id $1, by id, for the command line; at most $2. chat_rooms_pkey, users_pkey,
-- room_members_pkey, chats_pkey.
select r.id, r.name, r.creator_id, coalesce(u.username, 'deleted-' || r.creator_id) as creator_name,
    r.created_at, c.last_seq,
    (select count(*) from room_members m where m.room_id = r.id and m.is_approved) as members
from chat_rooms r
join chats c on c.id = r.id
left join users u on u.id = r.creator_id
where r.id > $1
order by r.id
limit $2

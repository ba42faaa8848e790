-- The members of a room after the id $3, by id, as seen by the member $1, and whether both
-- show their presence. room_members_pkey, users_pkey.
select m.user_id, coalesce(u.username, 'deleted-' || m.user_id) as username,
    m.user_id = r.creator_id as is_creator,
    coalesce(u.shows_presence and v.shows_presence, false) as shows_presence
from chat_rooms r
join room_members me on me.room_id = r.id and me.user_id = $1 and me.is_approved
join room_members m on m.room_id = r.id and m.is_approved and m.user_id > $3
left join users u on u.id = m.user_id
left join users v on v.id = $1
where r.id = $2
order by m.user_id
limit $4

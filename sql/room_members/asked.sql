-- The rooms in which the request of the user $1 is open, the latest first; at most $2.
-- room_members_asked_idx, chat_rooms_pkey.
select r.id as room_id, r.name
from room_members m
join chat_rooms r on r.id = m.room_id
where m.user_id = $1 and m.state = 'pending'
order by m.requested_at desc, m.room_id desc
limit $2

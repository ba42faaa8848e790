-- Open requests to all rooms of the creator $1: those to the room $2 first, then the oldest first;
-- at most $3. chat_rooms_creator_idx, room_members_state_idx, users_pkey.
select r.id as room_id, r.name as room_name, m.user_id,
    coalesce(u.username, 'deleted-' || m.user_id) as username
from chat_rooms r
cross join lateral (
    select o.user_id, o.requested_at from room_members o
    where o.room_id = r.id and o.state = 'pending'
    order by o.requested_at, o.user_id
    limit $3::bigint
) m
left join users u on u.id = m.user_id
where r.creator_id = $1
order by coalesce(r.id = $2::bigint, false) desc, m.requested_at, m.user_id
limit $3

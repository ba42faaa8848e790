-- For the creator $1: the requests in the state $3, oldest first, after that of the user $4.
-- room_members_state_idx, users_pkey.
select m.user_id, coalesce(u.username, 'deleted-' || m.user_id) as username, m.requested_at
from chat_rooms r
join room_members m on m.room_id = r.id and m.state = $3
left join users u on u.id = m.user_id
where r.id = $2 and r.creator_id = $1 and (
    $4::bigint is null or (m.requested_at, m.user_id) > (
        select a.requested_at, a.user_id from room_members a where a.room_id = $2 and a.user_id = $4
    )
)
order by m.requested_at, m.user_id
limit $5

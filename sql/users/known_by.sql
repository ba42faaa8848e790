-- Whom the user $1 knows by the chat $2: the other one of a private chat, or the other members of a room with
-- at most $3 members; nobody if the chat is out of their reach. private_chats_pkey, room_members_pkey,
-- room_members_state_idx.
select case p.user_low when $1 then p.user_high else p.user_low end as known_id
from private_chats p
where p.chat_id = $2 and $1 in (p.user_low, p.user_high)
union all
select room.known_id
from (
    select unnest(array_agg(few.user_id)) as known_id
    from (
        select m.user_id from room_members m
        where m.room_id = $2 and m.state = 'approved'
        limit $3::bigint + 1
    ) few
    having count(*) <= $3::bigint
) room
where room.known_id <> $1
    and exists (select from room_members me where me.room_id = $2 and me.user_id = $1 and me.is_approved)

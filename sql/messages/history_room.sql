-- A page of a room chat as the viewer $1 sees it, oldest first, with the chat's last number in each
-- row: one row without a message for an empty page, none when the viewer may not see the chat.
-- Numbers have no holes, so a page is arithmetic: $3 limit, $4 offset from the end, $5 before,
-- $6 after. chats_pkey, room_messages_pkey, users_pkey.
with reach as (
    select c.id, c.last_seq,
        coalesce($6::bigint, least($5::bigint - 1, c.last_seq - $4::bigint) - $3::bigint) as above,
        coalesce($6 + $3, least($5 - 1, c.last_seq - $4)) as upto
    from chats c
    where c.id = $2 and c.chat_type = 'room' and exists (
        select from room_members m where m.room_id = c.id and m.user_id = $1 and m.is_approved
    )
)
select r.last_seq, m.id, m.seq, m.sender_id, m.receiver_id, m.content, m.timestamp,
    case when m.draft_key like 'c%' then substr(m.draft_key, 2) end as client_id,
    coalesce((select u.username from users u where u.id = m.sender_id), 'deleted-' || m.sender_id)
        as username
from reach r
left join room_messages m
    on m.chat_type = 'room' and m.chat_id = r.id and m.seq > r.above and m.seq <= r.upto
order by m.seq

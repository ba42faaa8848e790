-- One chat as the viewer $1 sees it: its last numbers, how far they have read, and how many messages after that
-- name them, of which at most $3 are counted; no row if they may not see it. chats_pkey, private_chats_pkey,
-- room_members_pkey, read_positions_pkey, mentions_pkey.
select c.id as chat_id, c.chat_type, c.last_seq, c.last_change, coalesce(p.read_seq, 0) as read_seq,
    case when c.last_seq > coalesce(p.read_seq, 0) then (
        select count(distinct n.seq) from (
            select e.seq from mentions e
            where e.chat_id = c.id and e.user_id in ($1, 0) and e.seq > coalesce(p.read_seq, 0)
            limit $3::bigint
        ) n
    ) else 0 end as mentioned
from chats c
left join read_positions p on p.user_id = $1 and p.chat_id = c.id
where c.id = $2 and (
    c.chat_type = 'general'
    or c.chat_type = 'private' and exists (
        select from private_chats d where d.chat_id = c.id and $1 in (d.user_low, d.user_high)
    )
    or c.chat_type = 'room' and exists (
        select from room_members m where m.room_id = c.id and m.user_id = $1 and m.is_approved
    )
)

-- The messages of the chat $2 that name the viewer $1 and come after both what they have read and $3, oldest first,
-- at most $4. If there are none, one row without a message; no row means that they may not see the chat.
-- chats_pkey, private_chats_pkey, room_members_pkey, read_positions_pkey, mentions_pkey.
select m.seq
from chats c
left join read_positions p on p.user_id = $1 and p.chat_id = c.id
left join lateral (
    select e.seq from (
        (
            select seq from mentions
            where chat_id = c.id and user_id = $1 and seq > greatest(p.read_seq, $3::bigint)
            order by seq
            limit $4::bigint
        )
        union
        (
            select seq from mentions
            where chat_id = c.id and user_id = 0 and seq > greatest(p.read_seq, $3)
            order by seq
            limit $4
        )
    ) e
    order by e.seq
    limit $4
) m on true
where c.id = $2 and (
    c.chat_type = 'general'
    or c.chat_type = 'private' and exists (
        select from private_chats d where d.chat_id = c.id and $1 in (d.user_low, d.user_high)
    )
    or c.chat_type = 'room' and exists (
        select from room_members b where b.room_id = c.id and b.user_id = $1 and b.is_approved
    )
)
order by m.seq

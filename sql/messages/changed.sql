-- Messages of the chat $2 up to the message $4 whose last change came after the change $3, in the order of
-- these changes, at most $7: those after the message $5 only if it also came after the change $6. Each row has
-- how far the chat reaches; if nothing changed there is one without a message, and no row means that the viewer
-- $1 may not see the chat. chats_pkey, private_chats_pkey, room_members_pkey, messages_change_idx.
with reach as (
    select c.id, c.chat_type, c.last_seq, c.last_change
    from chats c
    where c.id = $2 and (
        c.chat_type = 'general'
        or c.chat_type = 'private' and exists (
            select from private_chats p where p.chat_id = c.id and $1 in (p.user_low, p.user_high)
        )
        or c.chat_type = 'room' and exists (
            select from room_members m where m.room_id = c.id and m.user_id = $1 and m.is_approved
        )
    )
)
select r.last_seq, r.last_change, r.chat_type, m.id, m.seq, m.sender_id, m.receiver_id, m.content, m.timestamp,
    m.draft_key, m.more, m.reply_seq
from reach r
left join lateral (
    select k.id, k.seq, k.sender_id, k.receiver_id, k.content, k.timestamp, k.draft_key, k.more, k.reply_seq,
        k.change
    from current_messages k
    where k.chat_type = r.chat_type and k.chat_id = r.id and k.change > $3::bigint and k.seq <= $4::bigint
        and (k.seq <= $5::bigint or k.change > $6::bigint)
    order by k.change
    limit $7::bigint
) m on true
order by m.change

-- The pinned messages of the chat $2, at most $3, the last pinned first. If none is pinned, there is one row
-- without a message; no row means that the viewer $1 may not see the chat. chats_pkey, private_chats_pkey,
-- room_members_pkey, messages_pinned_idx.
with reach as (
    select c.id, c.chat_type
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
select r.chat_type, m.id, m.seq, m.sender_id, m.receiver_id, m.content, m.timestamp, m.draft_key, m.more,
    m.reply_seq
from reach r
left join lateral (
    select k.id, k.seq, k.sender_id, k.receiver_id, k.content, k.timestamp, k.draft_key, k.more, k.reply_seq,
        k.pinned_at
    from current_messages k
    where k.chat_type = r.chat_type and k.chat_id = r.id and k.pinned_at is not null
    order by k.pinned_at desc
    limit $3::bigint
) m on true
order by m.pinned_at desc, m.seq desc

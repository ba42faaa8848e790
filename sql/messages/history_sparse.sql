-- A page of any kind of chat as seen by the viewer $1, where numbers are missing because an operator has deleted
-- rows (a deleted message keeps its own): at most $3 of the messages before the message $4, or after the message
-- $5. Else the answer is like that of `history`. chats_pkey, private_chats_pkey, room_members_pkey, the keys of
-- the partitions.
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
select r.last_seq, r.last_change, m.id, m.seq, m.sender_id, m.receiver_id, m.content, m.timestamp, m.draft_key,
    m.more, m.reply_seq
from reach r
left join lateral (
    (
        select k.id, k.seq, k.sender_id, k.receiver_id, k.content, k.timestamp, k.draft_key, k.more, k.reply_seq
        from current_messages k
        where k.chat_type = r.chat_type and k.chat_id = r.id and k.seq < $4::bigint
        order by k.seq desc
        limit $3::bigint
    )
    union all
    (
        select k.id, k.seq, k.sender_id, k.receiver_id, k.content, k.timestamp, k.draft_key, k.more, k.reply_seq
        from current_messages k
        where k.chat_type = r.chat_type and k.chat_id = r.id and k.seq > $5::bigint
        order by k.seq
        limit $3::bigint
    )
) m on true

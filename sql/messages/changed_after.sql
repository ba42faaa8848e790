-- Messages of the chat $1 up to the message $3 whose last change came after the change $2, in the order of these
-- changes, at most $4, for all who follow it on this node. chats_pkey, messages_change_idx.
select c.chat_type, m.id, m.seq, m.sender_id, m.receiver_id, m.content, m.timestamp, m.draft_key, m.more, m.reply_seq
from chats c
cross join lateral (
    select k.id, k.seq, k.sender_id, k.receiver_id, k.content, k.timestamp, k.draft_key, k.more, k.reply_seq,
        k.change
    from current_messages k
    where k.chat_type = c.chat_type and k.chat_id = c.id and k.change > $2::bigint and k.seq <= $3::bigint
    order by k.change
    limit $4::bigint
) m
where c.id = $1
order by m.change

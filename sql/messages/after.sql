-- Messages of the chat $1 after the message $2, at most $3, for all who follow it on this node: whom they are told was
-- decided when these began to follow. chats_pkey, the messages' primary keys.
select c.chat_type, m.id, m.seq, m.sender_id, m.receiver_id, m.content, m.timestamp, m.draft_key, m.more, m.reply_seq
from chats c
cross join lateral (
    select k.id, k.seq, k.sender_id, k.receiver_id, k.content, k.timestamp, k.draft_key, k.more, k.reply_seq
    from current_messages k
    where k.chat_type = c.chat_type and k.chat_id = c.id and k.seq > $2::bigint and k.seq <= c.last_seq
    order by k.seq
    limit $3::bigint
) m
where c.id = $1
order by m.seq

-- The messages that have the numbers $2 in the chats $1, as they stand; for the lane, which knows who may see
-- them. chats_pkey, the keys of the partitions.
select m.chat_id, m.chat_type, m.id, m.seq, m.sender_id, m.receiver_id, m.content, m.timestamp, m.draft_key,
    m.username, m.more
from unnest($1::bigint[], $2::bigint[]) as w (chat_id, seq)
join chats c on c.id = w.chat_id
join current_messages m on m.chat_type = c.chat_type and m.chat_id = c.id and m.seq = w.seq

-- The messages that have the numbers $2 in the chats $1, as they stand; for the lane, which knows who may see
-- them. chats_pkey, the keys of the partitions.
select m.chat_id, m.chat_type, m.id, m.seq, m.sender_id, m.receiver_id, m.content, m.timestamp, m.draft_key,
    m.username, m.more, m.reply_seq, r.sender_id as answered_id, beginning_of(r.content) as answered,
    r.deleted_at is not null as is_answered_deleted,
    (select u.username from users u where u.id = r.sender_id) as answered_username
from unnest($1::bigint[], $2::bigint[]) as w (chat_id, seq)
join chats c on c.id = w.chat_id
join current_messages m on m.chat_type = c.chat_type and m.chat_id = c.id and m.seq = w.seq
left join messages r on r.chat_type = m.chat_type and r.chat_id = m.chat_id and r.seq = m.reply_seq

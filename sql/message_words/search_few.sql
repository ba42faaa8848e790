-- Messages that may be what the viewer $1 looks for, in their chats or only in the chat $2: at most $9 of the
-- newest, each with its place in this order. $3 is what the index is asked; they are before the place ($4, $5),
-- not before the place ($6, $7), and newer than $8. Each chat is read by itself. The hits are collected before
-- they are put into order, or the planner would go through all messages in that order, in the hope of a hit soon.
-- message_words_words_idx, message_words_pkey, messages_pkey.
with hits as materialized (
    select w.chat_id, w.timestamp, w.id, w.seq
    from reachable_chats($1) r
    join message_words w on w.chat_id = r.chat_id
    where w.words @@ $3::text::tsquery
        and (w.timestamp, w.id) < ($4::timestamptz, $5::bigint)
        and (w.timestamp, w.id) >= ($6::timestamptz, $7::bigint) and w.timestamp > $8::timestamptz
        and ($2::bigint is null or r.chat_id = $2)
), newest as materialized (
    select h.chat_id, h.timestamp, h.id, h.seq from hits h order by h.timestamp desc, h.id desc limit $9::bigint
)
select f.timestamp as at, f.id as at_id, f.chat_id, c.chat_type, m.id, m.seq, m.sender_id, m.receiver_id, m.content,
    m.timestamp, m.draft_key, m.more, m.reply_seq, a.answered_id, a.answered, a.is_answered_deleted,
    a.answered_username
from newest f
join chats c on c.id = f.chat_id
left join lateral (
    select k.id, k.seq, k.sender_id, k.receiver_id, k.content, k.timestamp, k.draft_key, k.more, k.reply_seq
    from current_messages k
    where k.chat_type = c.chat_type and k.chat_id = f.chat_id and k.seq = f.seq
    limit 1
) m on true
left join lateral (
    select r.sender_id as answered_id, beginning_of(r.content) as answered,
        r.deleted_at is not null as is_answered_deleted,
        (select u.username from users u where u.id = r.sender_id) as answered_username
    from messages r
    where r.chat_type = c.chat_type and r.chat_id = f.chat_id and r.seq = m.reply_seq
    limit 1
) a on true
order by f.timestamp desc, f.id desc

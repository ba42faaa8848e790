-- As `search_few`, for a viewer $1 of many chats: the hits of all chats, and of these the ones in the viewer's,
-- which are asked for as a value and not joined. message_words_words_idx, message_words_newest_idx, messages_pkey.
with hits as materialized (
    select w.chat_id, w.timestamp, w.id, w.seq
    from message_words w
    where w.words @@ $2::text::tsquery
        and (w.timestamp, w.id) < ($3::timestamptz, $4::bigint)
        and (w.timestamp, w.id) >= ($5::timestamptz, $6::bigint) and w.timestamp > $7::timestamptz
        and (w.chat_id in (select r.chat_id from reachable_chats($1) r)) is true
), newest as materialized (
    select h.chat_id, h.timestamp, h.id, h.seq from hits h order by h.timestamp desc, h.id desc limit $8::bigint
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

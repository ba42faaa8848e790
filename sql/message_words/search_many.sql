-- As `search_few`, for a viewer $1 of many chats: the hits of all chats, and of these the ones in the viewer's,
-- which are asked for as a value and not joined. message_words_words_idx, message_words_newest_idx.
with hits as materialized (
    select w.chat_id, w.timestamp, w.id, w.seq
    from message_words w
    where w.words @@ $2::text::tsquery
        and (w.timestamp, w.id) < ($3::timestamptz, $4::bigint)
        and (w.timestamp, w.id) >= ($5::timestamptz, $6::bigint) and w.timestamp > $7::timestamptz
        and (w.chat_id in (select r.chat_id from reachable_chats($1) r)) is true
)
select h.chat_id, h.seq, h.timestamp as at, h.id as at_id
from hits h
order by h.timestamp desc, h.id desc
limit $8::bigint

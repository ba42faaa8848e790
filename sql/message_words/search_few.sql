-- The places of messages that may be what the viewer $1 looks for, in their chats or only in the chat $2: at most
-- $9 of the newest. $3 is what the index is asked; they are before the place ($4, $5), not before the place
-- ($6, $7), and newer than $8. Each chat is read by itself. The hits are collected before they are put into order,
-- or the planner would go through all messages in that order, in the hope of a hit soon. message_words_words_idx,
-- message_words_pkey.
with hits as materialized (
    select w.chat_id, w.timestamp, w.id, w.seq
    from reachable_chats($1) r
    join message_words w on w.chat_id = r.chat_id
    where w.words @@ $3::text::tsquery
        and (w.timestamp, w.id) < ($4::timestamptz, $5::bigint)
        and (w.timestamp, w.id) >= ($6::timestamptz, $7::bigint) and w.timestamp > $8::timestamptz
        and ($2::bigint is null or r.chat_id = $2)
)
select h.chat_id, h.seq, h.timestamp as at, h.id as at_id
from hits h
order by h.timestamp desc, h.id desc
limit $9::bigint

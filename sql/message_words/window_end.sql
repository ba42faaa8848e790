-- The place of the message that is $3 before the place ($1, $2), among all messages; no row if there are not as
-- many. message_words_newest_idx.
select w.timestamp as at, w.id as at_id
from message_words w
where (w.timestamp, w.id) < ($1::timestamptz, $2::bigint)
order by w.timestamp desc, w.id desc
offset $3::bigint
limit 1

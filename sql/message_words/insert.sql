-- Puts messages into the index: their chats $1, times $2, ids $3, numbers $4 and words $5. message_words_pkey.
insert into message_words (chat_id, timestamp, id, seq, words)
select d.chat_id, d.timestamp, d.id, d.seq, d.words::tsvector
from unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::text[])
    as d (chat_id, timestamp, id, seq, words)
on conflict do nothing

-- Each chat with its last number, how many messages it has and from which number to which, when the newest was
-- stored, and a digest over them, made as that of the tables. Reads all messages; of them it knows only
-- columns that every version of the schema has.
with stored as (
    select chat_id, count(*) as messages, min(seq) as first, max(seq) as last, max("timestamp") as until,
        sum(('x' || left(h, 16))::bit(64)::bigint) || ':'
            || sum(('x' || substr(h, 17, 16))::bit(64)::bigint) as digest
    from (
        select chat_id, seq, "timestamp", encode(sha256(convert_to(m::text, 'UTF8')), 'hex') as h
        from messages m
    ) hashed
    group by chat_id
)
select coalesce(c.id, s.chat_id) as chat_id, coalesce(c.last_seq, 0) as last_seq,
    coalesce(s.messages, 0) as messages, coalesce(s.first, 0) as first, coalesce(s.last, 0) as last,
    coalesce(s.digest, '') as digest,
    to_char(s.until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as until
from chats c
full join stored s on s.chat_id = c.id
order by 1

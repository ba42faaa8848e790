-- What answers quote of the messages $3 of the chat $2, which is of the kind $1, for pages of a chat that the
-- viewer can read. The keys of the partitions.
select m.seq, m.sender_id, beginning_of(m.content) as beginning, m.deleted_at is not null as is_deleted
from messages m
where m.chat_type = $1 and m.chat_id = $2 and m.seq = any ($3::bigint[])

-- Messages of the user $3 in the chat $2 of the type $1, as they stand, whose keys come after $4, by key, which is
-- the order in which one person's can be read without all others'; at most $5. Deleted ones, which have no text,
-- aside. The unique keys of the partitions.
select id, seq, sender_id, receiver_id, content, timestamp, draft_key, more, reply_seq
from current_messages
where chat_type = $1 and chat_id = $2 and sender_id = $3 and draft_key > $4 and content <> ''
order by draft_key
limit $5

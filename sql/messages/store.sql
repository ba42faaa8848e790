-- Stores a batch of drafts while holding the locks of their chats (the function is in the
-- migrations). Returns one row for each draft that its sender may send: stored, stored earlier, stored
-- earlier with different content, or without an id if it answers what is not there.
select place, id, seq, timestamp, chat_type, receiver_id, is_fresh, is_same, mentions::text
from store_messages($1, $2, $3, $4, $5, $6, $7, $8)

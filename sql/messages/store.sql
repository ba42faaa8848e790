-- Stores a batch of drafts while holding the locks of their chats (the function is in the
-- migrations). Returns one row for each draft that its sender may send: stored, stored earlier, or
-- stored earlier with different content.
select place, id, seq, timestamp, chat_type, receiver_id, is_fresh, is_same
from store_messages($1, $2, $3, $4, $5)

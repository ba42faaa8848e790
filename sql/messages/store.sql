-- Stores a batch of drafts under the locks of their chats (the function is in the migrations). Answers
-- one row for each draft that its sender may send: stored, already there, or already there with other
-- content.
select place, id, seq, timestamp, chat_type, receiver_id, is_fresh, is_same
from store_messages($1, $2, $3, $4, $5)

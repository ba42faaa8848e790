-- Alters messages while holding the locks of their chats (the function is in the migrations). Returns what
-- became of each alteration.
select place, outcome, chat_type, number
from alter_messages($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)

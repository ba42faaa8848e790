-- A private chat of a pair; the unique pair decides when both ask at once.
insert into private_chats (chat_id, user_low, user_high) values ($1, $2, $3)

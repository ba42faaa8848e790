-- A private chat of two users; if both ask at once, the unique pair decides.
insert into private_chats (chat_id, user_low, user_high) values ($1, $2, $3)

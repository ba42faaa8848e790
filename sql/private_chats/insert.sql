-- A private chat of two users, begun by $4; if both ask at once, the unique pair decides.
insert into private_chats (chat_id, user_low, user_high, begun_by) values ($1, $2, $3, $4)

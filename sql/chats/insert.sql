-- A new chat of the kind $1.
insert into chats (chat_type) values ($1) returning id

-- Rooms' chats whose rooms are gone. Reads all chats, and is asked once an hour. chat_rooms_pkey.
select id from chats c
where chat_type = 'room' and not exists (select from chat_rooms r where r.id = c.id)
limit $1

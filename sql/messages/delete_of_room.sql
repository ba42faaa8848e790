-- Deletes messages of the room $1, which is gone, at most $2. room_messages_pkey.
delete from messages where chat_type = 'room' and chat_id = $1 and seq in (
    select seq from messages where chat_type = 'room' and chat_id = $1 order by seq limit $2
)

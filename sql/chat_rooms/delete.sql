-- Deletes the room $1, of which nobody may be a member any more. chat_rooms_pkey.
delete from chat_rooms where id = $1

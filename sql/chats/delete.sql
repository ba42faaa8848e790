-- Deletes a chat that has no messages any more. chats_pkey.
delete from chats where id = $1

-- All reactions in the chat $1, which is gone. reactions_pkey.
delete from reactions where chat_id = $1

-- Whom messages name in the chat $1, which is gone. mentions_pkey.
delete from mentions where chat_id = $1

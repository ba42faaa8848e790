-- All that the user $1 had said in the chat $2 by then is removed. removals_pkey.
delete from removals where user_id = $1 and chat_id = $2 and upto < now()

-- A new invite link; only the creator's own room. chat_rooms_pkey.
update chat_rooms set invite_link = $3 where id = $2 and creator_id = $1

-- A new invite link, only for a room that the caller created. chat_rooms_pkey.
update chat_rooms set invite_link = $3 where id = $2 and creator_id = $1

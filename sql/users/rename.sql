-- The name $2 for the account $1; users_username_key refuses one that somebody else has. users_pkey.
update users set username = $2 where id = $1

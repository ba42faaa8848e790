-- The state $2 for the account $1. users_pkey.
update users set state = $2 where id = $1

-- The role $2 for the user $1. users_pkey.
update users set role = $2 where id = $1

-- A new password for $1, if the present one is still $2. users_pkey.
update users set password_hash = $3 where id = $1 and password_hash = $2

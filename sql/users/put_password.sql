-- A new password for $1, whatever the present one is. users_pkey.
update users set password_hash = $2 where id = $1

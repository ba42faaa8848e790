-- A new password for $1, unless it was changed since $2 was read. users_pkey.
update users set password_hash = $3 where id = $1 and password_hash = $2

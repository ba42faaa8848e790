-- Deletes an account, and with it its sessions and links. users_pkey.
delete from users where id = $1

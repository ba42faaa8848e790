-- Lets $1 in, who waits for it. users_pkey.
update users set state = 'active' where id = $1 and state = 'pending'

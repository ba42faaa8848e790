-- Whether $1 has an account that waits for nothing. users_pkey.
select from users where id = $1 and state <> 'pending'

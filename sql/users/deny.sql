-- The account of $1, who waited to be let in, goes. users_pkey.
delete from users where id = $1 and state = 'pending'

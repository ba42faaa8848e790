-- The names of these users. users_pkey.
select id, username from users where id = any ($1::bigint[])

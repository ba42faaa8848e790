-- All accounts after the id $1, oldest first, for the command line. users_pkey.
select id, username, email, created_at, role, state, shows_presence from users where id > $1 order by id limit $2

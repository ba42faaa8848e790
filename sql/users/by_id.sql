-- The account with this id, with its password hash. users_pkey.
select id, username, email, password_hash, created_at, role, state, shows_presence from users where id = $1

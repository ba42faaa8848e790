-- The account of the name $1, which is folded. users_username_key.
select id, username, email, created_at, role, state, shows_presence from users where lower(username collate "C") = $1::text

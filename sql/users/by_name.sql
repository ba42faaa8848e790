-- The account of this name, in any case. users_username_key.
select id, username, email, created_at from users where lower(username) = lower($1::text)

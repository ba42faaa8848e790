-- The account of this name, without regard to case, with its password hash. users_username_key.
select id, username, email, password_hash, created_at from users where lower(username) = lower($1::text)

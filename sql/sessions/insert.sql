-- A new sign-in.
insert into sessions (id, user_id, expires_at, user_agent) values ($1, $2, $3, $4)

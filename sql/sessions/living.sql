-- Which of the sessions $1 live: neither revoked nor expired, nor gone with their user. sessions_pkey.
select id from sessions where id = any ($1::text[]) and revoked_at is null and expires_at > now()

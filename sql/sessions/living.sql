-- Which of the sessions $1 are alive: not revoked, not expired, and their user not deleted.
-- sessions_pkey.
select id from sessions where id = any ($1::text[]) and revoked_at is null and expires_at > now()

-- Which of the sessions $1 are alive: not revoked, not expired, and their user not deleted; and of which the
-- use was noted more than $2 seconds ago. sessions_pkey.
select id, last_used_at < now() - $2::float8 * interval '1 second' as is_stale
from sessions where id = any ($1::text[]) and revoked_at is null and expires_at > now()

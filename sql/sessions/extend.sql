-- Extends a session that is still alive to $2, but not beyond $3 seconds after its sign-in; never shortens
-- it. Its new end. sessions_pkey.
update sessions
set expires_at = greatest(expires_at, least($2, created_at + $3::float8 * interval '1 second'))
where id = $1 and revoked_at is null and expires_at > now()
returning expires_at

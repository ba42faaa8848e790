-- Extends a session that is still alive; never shortens it. sessions_pkey.
update sessions set expires_at = greatest(expires_at, $2)
where id = $1 and revoked_at is null and expires_at > now()

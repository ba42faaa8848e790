-- The user of a session that is neither revoked nor expired, if the account can be used, and whether the use
-- was noted more than $2 seconds ago. sessions_pkey, users_pkey.
select s.user_id, u.username, u.role, u.shows_presence,
    s.last_used_at < now() - $2::float8 * interval '1 second' as is_stale
from sessions s join users u on u.id = s.user_id
where s.id = $1 and s.revoked_at is null and s.expires_at > now() and u.state = 'active'

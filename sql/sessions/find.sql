-- The user of a session that is neither revoked nor expired. sessions_pkey, users_pkey.
select s.user_id, u.username, u.role
from sessions s join users u on u.id = s.user_id
where s.id = $1 and s.revoked_at is null and s.expires_at > now()

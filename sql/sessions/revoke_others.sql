-- Ends all sessions of the user $1 except $2; returns them. sessions_user_idx.
update sessions set revoked_at = now() where user_id = $1 and id <> $2 and revoked_at is null
returning id

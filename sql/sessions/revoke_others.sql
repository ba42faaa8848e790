-- Ends all sessions of the user $1 except $2, or all if that is null; returns them. sessions_user_idx.
update sessions set revoked_at = now()
where user_id = $1 and id is distinct from $2::text and revoked_at is null
returning id

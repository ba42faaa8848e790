-- Ends the oldest living sessions of the user $1, so that $2 are left; returns them. sessions_user_idx.
update sessions set revoked_at = now()
where id in (
    select id from sessions
    where user_id = $1 and revoked_at is null and expires_at > now()
    order by created_at desc, id
    offset $2
)
returning id

-- The living sessions of the user $1, the one that was used last first; at most $2. sessions_user_idx.
select id, created_at, last_used_at, address, user_agent from sessions
where user_id = $1 and revoked_at is null and expires_at > now()
order by last_used_at desc, id
limit $2

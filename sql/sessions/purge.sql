-- Deletes at most $1 sessions that ended or were revoked more than a day ago, but keeps those that
-- record where somebody signed in for as long as that counts. sessions_expires_idx.
delete from sessions where id in (
    select id from sessions
    where (expires_at < now() - interval '1 day' or revoked_at < now() - interval '1 day')
        and (subnet is null or created_at < now() - interval '30 days')
    limit $1
)

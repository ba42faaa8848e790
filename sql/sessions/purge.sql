-- Forgets sessions that ended or were revoked a day ago, at most $1 of them; those that say from
-- where somebody signed in stay for as long as that counts. sessions_expires_idx.
delete from sessions where id in (
    select id from sessions
    where (expires_at < now() - interval '1 day' or revoked_at < now() - interval '1 day')
        and (subnet is null or created_at < now() - interval '30 days')
    limit $1
)

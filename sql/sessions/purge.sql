-- Forgets sessions that ended or were revoked a day ago, a bounded number at a time. sessions_expires_idx.
delete from sessions where id in (
    select id from sessions where expires_at < now() - interval '1 day'
        or revoked_at < now() - interval '1 day' limit 1000
)

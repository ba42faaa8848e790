-- The account of this name in any case, with its password hash, and whether its user has signed in
-- from the subnet $2 within 30 days. users_username_key, sessions_user_idx.
select u.id, u.username, u.email, u.password_hash, u.created_at, exists (
    select from sessions s
    where s.user_id = u.id and s.subnet = $2 and s.created_at > now() - interval '30 days'
) as is_familiar
from users u
where lower(u.username) = lower($1::text)

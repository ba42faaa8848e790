-- The account of the name $1 or of the e-mail address $2 (one of them null), with its password hash, and
-- whether its user has signed in from the subnet $3 within 30 days. users_username_key,
-- users_email_key, sessions_user_idx.
select u.id, u.username, u.email, u.password_hash, u.created_at, u.role, u.state, u.shows_presence, exists (
    select from sessions s
    where s.user_id = u.id and s.subnet = $3 and s.created_at > now() - interval '30 days'
) as is_familiar
from users u
where lower(u.username collate "C") = $1::text or lower(u.email collate "C") = $2::text

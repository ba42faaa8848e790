-- A new sign-in, unless the password is no longer the one ($5) that was shown; without one it is not
-- asked for. The user's row is locked against a change meanwhile, so that whoever changes the password
-- finds every session that the old one began. users_pkey.
insert into sessions (id, user_id, expires_at, user_agent, subnet)
select $1, u.id, $3, $4, $6
from users u
where u.id = $2 and ($5::text is null or u.password_hash = $5)
for share

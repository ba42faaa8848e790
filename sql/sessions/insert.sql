-- A new session, unless the account cannot be used, or the password has changed since it was checked: it
-- must still be $5, or $5 is null and no password was asked for. Locks the user's row, so that a change of
-- the password, or of the account's state, finds every session begun before it. users_pkey.
insert into sessions (id, user_id, expires_at, user_agent, subnet, address)
select $1, u.id, $3, $4, $6, $7
from users u
where u.id = $2 and u.state = 'active' and ($5::text is null or u.password_hash = $5)
for share

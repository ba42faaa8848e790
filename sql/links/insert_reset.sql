-- A link for the next $3 seconds to set a new password for the user $2, in place of the one before it; none if
-- the account is disabled. links_user_idx, users_pkey.
with replaced as (
    delete from links where user_id = $2 and purpose = 'reset'
)
insert into links (hash, purpose, user_id, expires_at)
select $1, 'reset', id, now() + $3::float8 * interval '1 second'
from users where id = $2 and state = 'active'

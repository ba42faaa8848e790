-- A link for the next $3 seconds to set a new password for the user $2, sent by mail if $4; in place of the one
-- before it, but not, if it is sent by mail, of one that the operator made. None if the account cannot be used.
-- links_user_idx, users_pkey.
with replaced as (
    delete from links where user_id = $2 and purpose = 'reset' and (by_mail or not $4)
)
insert into links (hash, purpose, user_id, expires_at, by_mail)
select $1, 'reset', id, now() + $3::float8 * interval '1 second', $4
from users where id = $2 and state = 'active'

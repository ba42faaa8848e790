-- Uses up the link $1 to set a new password; whose it is, if it can be used. Locks the account before the link, as
-- all do that withdraw links, so that the two cannot deadlock. links_pkey, users_pkey.
with usable as (
    select l.hash from links l join users u on u.id = l.user_id
    where l.hash = $1 and l.purpose = 'reset' and l.expires_at > now() and u.state = 'active'
    for no key update of u
)
delete from links l using usable
where l.hash = usable.hash
returning l.user_id

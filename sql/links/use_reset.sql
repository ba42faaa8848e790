-- Uses up the link $1 to set a new password; whose it is, if it can be used. links_pkey, users_pkey.
delete from links l using users u
where l.hash = $1 and l.purpose = 'reset' and l.expires_at > now() and u.id = l.user_id and u.state = 'active'
returning l.user_id

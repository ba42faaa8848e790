-- Whether the link $1 to set a new password can be used. links_pkey, users_pkey.
select from links l join users u on u.id = l.user_id
where l.hash = $1 and l.purpose = 'reset' and l.expires_at > now() and u.state = 'active'

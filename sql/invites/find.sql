-- Whether the invite $1 is good for an account. invites_pkey.
select from invites where hash = $1 and uses_left > 0 and expires_at > now()

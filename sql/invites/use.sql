-- Takes one account from the invite $1, if it is good for one. invites_pkey.
update invites set uses_left = uses_left - 1 where hash = $1 and uses_left > 0 and expires_at > now()

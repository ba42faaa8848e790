-- Whether the setup link $1 can be used. links_pkey, users_role_idx.
select from links
where hash = $1 and purpose = 'setup' and expires_at > now()
    and not exists (select from users where role = 'owner')

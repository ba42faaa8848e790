-- Uses up the setup link $1; none if it cannot be used any more, which it cannot while there is another owner
-- than $2, whom it has made. links_pkey, users_role_idx.
delete from links
where hash = $1 and purpose = 'setup' and expires_at > now()
    and not exists (select from users where role = 'owner' and id <> $2::bigint)

-- An invite for $2 accounts within the next $3 seconds. invites_pkey.
insert into invites (hash, uses_left, expires_at)
values ($1, $2, now() + $3::float8 * interval '1 second')

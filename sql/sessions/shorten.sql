-- Lets no session last longer than $1 seconds after its sign-in. The whole table, once a start.
update sessions set expires_at = created_at + $1::float8 * interval '1 second'
where expires_at > created_at + $1::float8 * interval '1 second'

-- A setup link for the next $2 seconds, in place of the one before it; none if there is an owner. links_pkey,
-- users_role_idx.
with replaced as (
    delete from links where purpose = 'setup'
)
insert into links (hash, purpose, expires_at)
select $1, 'setup', now() + $2::float8 * interval '1 second'
where not exists (select from users where role = 'owner')

-- Locks these accounts in order of id, so that what they own can be counted and added to.
-- users_pkey.
select id from users where id = any ($1::bigint[]) order by id for no key update

-- Locks these accounts in order of id, so that what they own can be counted and added to. One that waits to
-- be let in is none yet.
-- users_pkey.
select id from users where id = any ($1::bigint[]) and state <> 'pending' order by id for no key update

-- Locks the user $1 and all owners, in order of id, so that one of two owners who are lowered at once stays.
-- users_pkey, users_role_idx.
select id, role from users where id = $1 or role = 'owner' order by id for no key update

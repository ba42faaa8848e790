-- Locks the user $1 and all owners whose accounts can be used, in order of id, so that one of two owners who
-- cease to be one at once stays. users_pkey, users_role_idx.
select id, role, state from users
where id = $1 or role = 'owner' and state = 'active'
order by id
for no key update

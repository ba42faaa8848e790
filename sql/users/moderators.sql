-- Those who look after the server, at most $1. users_role_idx.
select id from users where role <> 'member' and state = 'active' order by id limit $1

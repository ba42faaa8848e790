-- Keeps the name of the user $1 for the next $2 seconds. users_pkey, former_names_pkey.
insert into former_names (name, free_at)
select lower(username collate "C"), now() + $2::float8 * interval '1 second' from users where id = $1
on conflict (name) do update set free_at = excluded.free_at

-- Whether the name of the user $1, who is new, is kept for one who is gone. users_pkey, former_names_pkey.
select from users u join former_names f on f.name = lower(u.username collate "C")
where u.id = $1 and f.free_at > now()

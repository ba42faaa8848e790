-- Whether a name and an address, both folded, are taken; a name also while it is kept for one who is gone.
-- users_username_key, former_names_pkey, users_email_key.
select exists (select from users where lower(username collate "C") = $1::text)
        or exists (select from former_names where name = $1 and free_at > now()) as username_taken,
    exists (select from users where lower(email collate "C") = $2::text) as email_taken

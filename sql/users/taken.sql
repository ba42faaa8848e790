-- Whether a name and an address, both folded, are taken. users_username_key, users_email_key.
select exists (select from users where lower(username collate "C") = $1::text) as username_taken,
    exists (select from users where lower(email collate "C") = $2::text) as email_taken

-- Whether a name and an address are taken. users_username_key, users_email_key.
select exists (select from users where lower(username) = lower($1::text)) as username_taken,
    exists (select from users where lower(email) = lower($2::text)) as email_taken

-- Whether there are any accounts. users_pkey.
select exists (select from users) as exist

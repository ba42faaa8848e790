-- That the user with the address $1, which is folded, is to get a link, unless they are about to. users_email_key,
-- mails_pkey.
insert into mails (user_id)
select id from users where lower(email collate "C") = $1::text and state = 'active'
on conflict do nothing

-- That $1 was not let in. denied_signups_pkey.
insert into denied_signups (user_id) values ($1) on conflict do nothing

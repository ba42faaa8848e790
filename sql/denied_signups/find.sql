-- Whether $1 was not let in. denied_signups_pkey.
select from denied_signups where user_id = $1

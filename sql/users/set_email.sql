-- The e-mail address $2 for the account $1; users_email_key refuses one that somebody else has. users_pkey.
update users set email = $2 where id = $1

-- The mail to $1 has been sent, or will never be. mails_pkey.
delete from mails where user_id = $1

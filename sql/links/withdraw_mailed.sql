-- Whatever links the user $1 has been sent by mail. links_user_idx.
delete from links where user_id = $1 and by_mail

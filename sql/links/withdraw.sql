-- Whatever links the user $1 has been given. links_user_idx.
delete from links where user_id = $1

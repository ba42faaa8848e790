-- Whether the user $1 shows their presence ($2) and sees that of others; a row if it was not so. users_pkey.
update users set shows_presence = $2 where id = $1 and shows_presence <> $2

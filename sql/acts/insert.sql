-- That the form $1 has done what it was for, and made $2. acts_pkey.
insert into acts (name, made) values ($1, $2) on conflict do nothing

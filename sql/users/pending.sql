-- Those who wait to be let in, after the id $1, the first one first; at most $2. users_pending_idx.
select id, username, email, created_at from users
where state = 'pending' and id > $1
order by id
limit $2

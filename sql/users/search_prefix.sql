-- The first accounts that can be used, in order whose folded names are at least $1 and less than $2, which is all that
-- begin with $1; at most $3. As a range, because a pattern that is not known when the statement is planned
-- uses no index. users_username_key.
select id, username from users
where lower(username collate "C") >= $1::text and lower(username collate "C") < $2::text
    and state = 'active'
order by lower(username collate "C")
limit $3::bigint

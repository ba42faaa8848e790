-- Accounts whose names contain $1 (the part escaped for LIKE), those that begin with it first.
-- Prefixes by users_username_key; the rest reads the names, bounded by $2.
(
    select id, username, 0 as rank from users
    where lower(username) like lower($1::text) || '%'
    order by lower(username) limit $2::bigint
)
union all
(
    select id, username, 1 as rank from users
    where lower(username) like '_%' || lower($1) || '%' and lower(username) not like lower($1) || '%'
    order by lower(username) limit $2
)
order by rank, username
limit $2

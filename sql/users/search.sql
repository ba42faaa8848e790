-- Accounts whose names contain $1 (escaped for LIKE), those that begin with it first. Prefixes use
-- users_username_key; anything else reads names, at most $2 of them.
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

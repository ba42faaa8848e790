-- Accounts that can be used, whose folded names contain $1 but do not begin with it, at most $3; $2 is what the index finds
-- it by. Any of them, because an order would have to read all. users_name_parts_idx.
select id, username from users
where name_parts(username) @> $2::text[] and strpos(lower(username collate "C"), $1::text) > 1
    and state = 'active'
limit $3::bigint

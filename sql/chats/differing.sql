-- Of the chats $1, whose last message and change are known as $2 and $3, those that reach elsewhere, and how far.
-- chats_pkey.
select c.id, c.last_seq, c.last_change
from unnest($1::bigint[], $2::bigint[], $3::bigint[]) k (id, last_seq, last_change)
join chats c on c.id = k.id
where c.last_seq <> k.last_seq or c.last_change <> k.last_change

-- Messages to be put into the index again, at most $1; the ranges of their chats are locked. Chats that another
-- process is working on are left to it. unindexed_edits_pkey, indexed_ranges_pkey, chats_pkey.
select e.chat_id, c.chat_type, e.seq
from unindexed_edits e
join indexed_ranges i on i.chat_id = e.chat_id
join chats c on c.id = e.chat_id
order by e.chat_id, e.seq
limit $1::bigint
for update of i skip locked

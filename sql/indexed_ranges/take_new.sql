-- The ranges of these chats ($1) above which there are messages, locked; those that another process is
-- extending are left to it. indexed_ranges_pkey, chats_pkey.
select i.chat_id, c.chat_type, i.upto, c.last_seq
from indexed_ranges i
join chats c on c.id = i.chat_id
where i.chat_id = any ($1::bigint[]) and c.last_seq > i.upto
order by i.chat_id
for update of i skip locked

-- Chats with messages above their ranges: at most $1. Reads all chats.
select c.id
from chats c
left join indexed_ranges i on i.chat_id = c.id
where c.last_seq > coalesce(i.upto, 0)
order by c.id
limit $1::bigint

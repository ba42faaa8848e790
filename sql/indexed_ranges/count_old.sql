-- How many messages are below the ranges of chats. indexed_ranges_old_idx, chats_pkey.
select coalesce(sum(i.above), 0)::bigint as messages
from indexed_ranges i
join chats c on c.id = i.chat_id
where i.above > 0

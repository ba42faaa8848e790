-- A range below which there are messages, locked, unless another process is extending it.
-- indexed_ranges_old_idx.
select i.chat_id, c.chat_type, i.above
from indexed_ranges i
join chats c on c.id = i.chat_id
where i.above > 0
order by i.chat_id
limit 1
for update of i skip locked

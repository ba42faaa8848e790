-- How many messages of the chat $1 up to the message $3 changed after the change $2, but no more than $4 of
-- them. chats_pkey, messages_change_idx, which is walked in order: else the planner looks through the changes of
-- all chats.
select count(*) as count
from chats c
cross join lateral (
    select from messages k
    where k.chat_type = c.chat_type and k.chat_id = c.id and k.change > $2::bigint and k.seq <= $3::bigint
    order by k.change
    limit $4::bigint
) changed
where c.id = $1::bigint

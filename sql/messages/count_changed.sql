-- How many messages of the chat $1 up to the message $3 changed after the change $2, but no more than $4 of
-- them. chats_pkey, messages_change_idx.
select count(*) as count
from (
    select
    from chats c
    join messages k on k.chat_type = c.chat_type and k.chat_id = c.id and k.change > $2::bigint
        and k.seq <= $3::bigint
    where c.id = $1::bigint
    limit $4::bigint
) changed

-- What is to be removed next, after that of the user $1 in the chat $2: the chat and its type, unless it is gone, and
-- who may delete messages there on behalf of their author, who may have left. removals_pkey, chats_pkey,
-- chat_rooms_pkey.
select r.user_id, r.chat_id, coalesce(k.creator_id, r.user_id) as by_id,
    case when c.chat_type <> 'room' or k.id is not null then c.chat_type end as chat_type
from removals r
left join chats c on c.id = r.chat_id
left join chat_rooms k on k.id = r.chat_id
where (r.user_id, r.chat_id) > ($1, $2) and r.upto < now()
order by r.user_id, r.chat_id
limit 1

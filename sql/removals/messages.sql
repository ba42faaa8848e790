-- Messages in the chat $2 of the type $1 that are to be removed of the user $3, with keys after $4, by key, as in
-- messages/own; at most $5. removals_pkey, the unique keys of the partitions.
select seq, draft_key
from messages
where chat_type = $1 and chat_id = $2 and sender_id = $3 and draft_key > $4 and deleted_at is null
    and timestamp <= (select upto from removals where user_id = $3 and chat_id = $2)
order by draft_key
limit $5

-- The newest messages of the chat $1 of the kind $2 up to the number $3: at most $4. messages_pkey.
select k.chat_id, k.id, k.seq, k.sender_id, k.content, k.timestamp
from messages k
where k.chat_type = $2 and k.chat_id = $1 and k.seq <= $3
order by k.seq desc
limit $4::bigint

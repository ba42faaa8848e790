-- The messages above these ranges (chats $1, kinds $2, upper ends $3), chat by chat, oldest first: at most $4.
-- messages_pkey.
select d.chat_id, m.id, m.seq, m.sender_id, m.content, m.timestamp
from unnest($1::bigint[], $2::text[], $3::bigint[]) with ordinality as d (chat_id, chat_type, upto, place)
cross join lateral (
    select k.id, k.seq, k.sender_id, k.content, k.timestamp
    from messages k
    where k.chat_type = d.chat_type and k.chat_id = d.chat_id and k.seq > d.upto
    order by k.seq
    limit $4::bigint
) m
order by d.place, m.seq
limit $4

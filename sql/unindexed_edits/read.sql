-- The messages in the chats $1 of the kinds $2 with the numbers $3. messages_pkey.
select m.chat_id, m.id, m.seq, m.sender_id, m.content, m.timestamp
from unnest($1::bigint[], $2::text[], $3::bigint[]) as d (chat_id, chat_type, seq)
cross join lateral (
    select k.chat_id, k.id, k.seq, k.sender_id, k.content, k.timestamp
    from messages k
    where k.chat_type = d.chat_type and k.chat_id = d.chat_id and k.seq = d.seq
    limit 1
) m

-- What a batch of drafts would become if nothing were stored: one row for each draft that its sender may
-- send, with the message that it became earlier, if it did, as `store` returns it. $1 chats, $2 senders,
-- $3 keys, $4 hashes of contents; what was edited or deleted has none. chats_pkey, private_chats_pkey,
-- room_members_pkey, and the unique keys of the partitions; the range and the order leave the planner no other
-- index.
select d.place, k.id, k.seq, k.timestamp, c.chat_type,
    p.user_low + p.user_high - d.sender_id as receiver_id,
    false as is_fresh, null::text as mentions,
    k.content_hash in (d.content_hash, '') as is_same
from unnest($1::bigint[], $2::bigint[], $3::text[], $4::bytea[])
    with ordinality as d (chat_id, sender_id, draft_key, content_hash, place)
join chats c on c.id = d.chat_id
left join private_chats p on c.chat_type = 'private' and p.chat_id = d.chat_id
    and d.sender_id in (p.user_low, p.user_high)
left join room_members m on c.chat_type = 'room' and m.room_id = d.chat_id
    and m.user_id = d.sender_id and m.is_approved
left join lateral (
    select id, seq, timestamp, content_hash from messages k
    where k.chat_type = c.chat_type and k.chat_id = d.chat_id and k.sender_id = d.sender_id
        and k.draft_key between d.draft_key and d.draft_key
    order by k.draft_key limit 1
) k on true
where c.chat_type = 'general' or p.chat_id is not null or m.room_id is not null

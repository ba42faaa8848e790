-- Looks for each draft's key by itself, by the index of the keys. The plan is made once for a connection,
-- and as long as a table is small one that reads all of it looks as good: it was kept while the table grew,
-- until the next analysis. A range and an order that only the index of the keys gives leave no other plan.
-- Otherwise as in 0003.
create or replace function store_messages(
    chat_ids bigint[], sender_ids bigint[], draft_keys text[], contents text[], content_hashes bytea[]
) returns table (
    place bigint, id bigint, seq bigint, "timestamp" timestamptz, chat_type text, receiver_id bigint,
    is_fresh boolean, is_same boolean
) language plpgsql volatile as $$
-- The columns of the answer are variables here, and called like those of the tables.
#variable_conflict use_column
declare
    stored_at timestamptz;
begin
    -- Always in id order, so that two writers cannot wait for each other. chats_pkey.
    perform from chats where id = any (chat_ids) order by id for no key update;
    -- Under the locks, so that in each chat time goes on as the numbers do.
    stored_at := clock_timestamp();
    -- This checks reach, recognises retries by key, gives out numbers, and moves the senders' read
    -- positions. chats_pkey, private_chats_pkey, room_members_pkey, and the unique keys of the partitions.
    return query
    with draft as materialized (
        select chat_id, sender_id, draft_key, content, content_hash, place
        from unnest(chat_ids, sender_ids, draft_keys, contents, content_hashes)
            with ordinality as d (chat_id, sender_id, draft_key, content, content_hash, place)
    ), reached as materialized (
        select d.chat_id, d.sender_id, d.draft_key, d.content, d.content_hash, d.place,
            c.chat_type, c.last_seq, p.user_low + p.user_high - d.sender_id as receiver_id
        from draft d
        join chats c on c.id = d.chat_id
        left join private_chats p on c.chat_type = 'private' and p.chat_id = d.chat_id
            and d.sender_id in (p.user_low, p.user_high)
        left join room_members m on c.chat_type = 'room' and m.room_id = d.chat_id
            and m.user_id = d.sender_id and m.is_approved
        where c.chat_type = 'general' or p.chat_id is not null or m.room_id is not null
    ), known as materialized (
        select r.place, k.id, k.seq, k.timestamp, k.content_hash = r.content_hash as is_same,
            r.chat_type, r.receiver_id
        from reached r
        cross join lateral (
            select id, seq, timestamp, content_hash from messages k
            where k.chat_type = r.chat_type and k.chat_id = r.chat_id and k.sender_id = r.sender_id
                and k.draft_key between r.draft_key and r.draft_key
            order by k.draft_key limit 1
        ) k
    ), fresh as materialized (
        select r.chat_id, r.sender_id, r.draft_key, r.content, r.content_hash, r.place, r.chat_type,
            r.receiver_id, nextval('message_ids') as id, stored_at as timestamp,
            r.last_seq + row_number() over (partition by r.chat_id order by r.place) as seq
        from reached r
        where not exists (select from known k where k.place = r.place)
    ), stored as (
        insert into messages (id, chat_type, chat_id, seq, sender_id, receiver_id, room_id, content,
            timestamp, draft_key, content_hash)
        select id, chat_type, chat_id, seq, sender_id, receiver_id,
            case when chat_type = 'room' then chat_id end, content, timestamp, draft_key, content_hash
        from fresh
    ), numbered as (
        update chats c set last_seq = f.last_seq
        from (select chat_id, max(seq) as last_seq from fresh group by chat_id) f
        where c.id = f.chat_id
    ), has_read as (
        insert into read_positions as p (user_id, chat_id, read_seq)
        select sender_id, chat_id, max(seq) from fresh group by sender_id, chat_id order by 1, 2
        on conflict (user_id, chat_id) do update set read_seq = excluded.read_seq
        where p.read_seq < excluded.read_seq
    )
    select place, id, seq, timestamp, chat_type, receiver_id, true as is_fresh, true as is_same
    from fresh
    union all
    select place, id, seq, timestamp, chat_type, receiver_id, false, is_same from known;
end
$$;

-- As in 0022, but whom the texts of a batch name is looked up for all of them at once: one by one it took longer
-- than storing them.
create or replace function store_messages(
    chat_ids bigint[], sender_ids bigint[], draft_keys text[], contents text[], content_hashes bytea[],
    reply_seqs bigint[], names text[], named_max bigint
) returns table (
    place bigint, id bigint, seq bigint, "timestamp" timestamptz, chat_type text, receiver_id bigint,
    is_fresh boolean, is_same boolean, mentions jsonb
) language plpgsql volatile as $$
-- The columns of the answer are variables here, and called like those of the tables.
#variable_conflict use_column
declare
    stored_at timestamptz;
    named jsonb;
    sought text[];
    called text[];
begin
    -- Always in id order, so that two writers cannot wait for each other. chats_pkey.
    perform from chats where id = any (chat_ids) order by id for no key update;
    -- Under the locks, so that in each chat time goes on as the numbers do.
    stored_at := clock_timestamp();
    -- Most messages name nobody, and most of what looks like a name is nobody's: one look at the names of all
    -- drafts tells. users_username_key.
    if names is not null then
        sought := string_to_array(array_to_string(names, ' '), ' ');
        called := array(
            select lower(u.username collate "C") from users u
            where lower(u.username collate "C") = any (sought) and u.state = 'active'
        );
        if 'all' = any (sought) then
            called := called || 'all'::text;
        end if;
        -- By place.
        if called <> '{}' then
            named := (
                with naming as materialized (
                    select d.place, those_named(d.chat_id, d.sender_id, d.names, named_max) as mentions
                    from unnest(chat_ids, sender_ids, names) with ordinality as d (chat_id, sender_id, names, place)
                    where string_to_array(d.names, ' ') && called
                )
                select jsonb_object_agg(place, mentions) from naming where mentions is not null
            );
        end if;
    end if;
    -- This checks reach, recognises retries by key, gives out numbers, and moves the senders' read
    -- positions. chats_pkey, private_chats_pkey, room_members_pkey, and the unique keys of the partitions.
    return query
    with looked as materialized (
        select d.chat_id, d.sender_id, d.draft_key, d.content, d.content_hash, d.reply_seq, d.place, c.chat_type,
            c.last_seq, p.user_low + p.user_high - d.sender_id as receiver_id,
            k.id, k.seq, k.timestamp, k.content_hash in (d.content_hash, '') as is_same
        from unnest(chat_ids, sender_ids, draft_keys, contents, content_hashes, reply_seqs)
            with ordinality as d (chat_id, sender_id, draft_key, content, content_hash, reply_seq, place)
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
    ), fresh as materialized (
        select l.chat_id, l.sender_id, l.draft_key, l.content, l.content_hash, l.reply_seq, l.place, l.chat_type,
            l.receiver_id, nextval('message_ids') as id, stored_at as timestamp,
            l.last_seq + row_number() over (partition by l.chat_id order by l.place) as seq,
            case when named is not null then named -> l.place::text end as mentions
        from looked l
        where l.id is null and (l.reply_seq is null or l.reply_seq <= l.last_seq)
    ), stored as (
        insert into messages (id, chat_type, chat_id, seq, sender_id, receiver_id, room_id, content,
            timestamp, draft_key, content_hash, reply_seq, mentions)
        select id, chat_type, chat_id, seq, sender_id, receiver_id,
            case when chat_type = 'room' then chat_id end, content, timestamp, draft_key, content_hash,
            reply_seq, mentions
        from fresh
    ), naming as (
        insert into mentions (chat_id, user_id, seq)
        select f.chat_id, n.user_id::bigint, f.seq
        from fresh f cross join jsonb_array_elements_text(f.mentions) n (user_id)
        where f.mentions is not null and n.user_id::bigint <> f.sender_id
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
    select place, id, seq, timestamp, chat_type, receiver_id, true as is_fresh, true as is_same,
        mentions
    from fresh
    union all
    select place, id, seq, timestamp, chat_type, receiver_id, false, is_same, null from looked
    where id is not null
    union all
    -- What answers a message that is not there: without an id.
    select place, null, null, null, chat_type, null, true, false, null from looked
    where id is null and reply_seq > last_seq;
end
$$;

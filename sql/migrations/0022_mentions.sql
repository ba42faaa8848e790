-- Those whom messages name.

-- The ids of those whom a message names one by one, in order, with 0 before them for all of its room; null if it
-- names nobody. As they were when the text was written, whatever they are called later.
alter table messages add column mentions jsonb;

-- The same by user, without the authors themselves: which of what they have not read names them.
create table mentions (
    chat_id bigint not null,
    user_id bigint not null,
    seq bigint not null,
    primary key (chat_id, user_id, seq)
);

-- Whom a text names, of the names that are in it (folded, with spaces in between): users that can read the chat,
-- and in a room all of it, if it is by its creator. users_username_key, chats_pkey, private_chats_pkey,
-- room_members_pkey, chat_rooms_pkey.
create function those_named(of_chat bigint, author bigint, names text, named_max bigint) returns jsonb
language plpgsql stable as $$
#variable_conflict use_column
declare
    sought constant text[] := string_to_array(names, ' ');
begin
    if names is null then
        return null;
    end if;
    return (
        select jsonb_agg(found.user_id order by found.place) from (
            select 0::bigint as user_id, 0::bigint as place from chat_rooms r
            where r.id = of_chat and r.creator_id = author and 'all' = any (sought)
            union all
            (
                select u.id, n.place
                from unnest(sought) with ordinality as n (name, place)
                join users u on lower(u.username collate "C") = n.name and u.state = 'active'
                join chats c on c.id = of_chat
                where c.chat_type = 'general'
                    or c.chat_type = 'private' and exists (
                        select from private_chats p where p.chat_id = c.id and u.id in (p.user_low, p.user_high)
                    )
                    or c.chat_type = 'room' and exists (
                        select from room_members m
                        where m.room_id = c.id and m.user_id = u.id and m.is_approved
                    )
                order by n.place
                limit named_max
            )
        ) found
    );
end
$$;

create or replace view current_messages as
select m.id, m.chat_type, m.chat_id, m.seq, m.sender_id, m.receiver_id, m.content, m.timestamp, m.draft_key,
    m.change, m.pinned_at,
    (select u.username from users u where u.id = m.sender_id) as username,
    -- What has been added to it: null, or an object of which members may be null.
    case when m.change is not null or m.mentions is not null then json_build_object(
        'change', m.change,
        'mentions', m.mentions,
        'edited_at', m.edited_at,
        'is_deleted', m.deleted_at is not null,
        'is_pinned', m.pinned_at is not null,
        'reactions', m.reactions
    )::text end as more,
    m.reply_seq
from messages m;

-- As in 0012, and texts name people: `names` are those in each of them, if there are any, and null if there are
-- none in all of them.
drop function store_messages(bigint[], bigint[], text[], text[], bytea[], bigint[]);
create function store_messages(
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
begin
    -- Always in id order, so that two writers cannot wait for each other. chats_pkey.
    perform from chats where id = any (chat_ids) order by id for no key update;
    -- Under the locks, so that in each chat time goes on as the numbers do.
    stored_at := clock_timestamp();
    -- By place. Most messages name nobody.
    if names is not null then
        named := (
            with naming as materialized (
                select d.place, those_named(d.chat_id, d.sender_id, d.names, named_max) as mentions
                from unnest(chat_ids, sender_ids, names) with ordinality as d (chat_id, sender_id, names, place)
                where d.names is not null
            )
            select jsonb_object_agg(place, mentions) from naming where mentions is not null
        );
    end if;
    -- This checks reach, recognises retries by key, gives out numbers, and moves the senders' read
    -- positions. chats_pkey, private_chats_pkey, room_members_pkey, and the unique keys of the partitions.
    return query
    with draft as materialized (
        select chat_id, sender_id, draft_key, content, content_hash, reply_seq, place
        from unnest(chat_ids, sender_ids, draft_keys, contents, content_hashes, reply_seqs)
            with ordinality as d (chat_id, sender_id, draft_key, content, content_hash, reply_seq, place)
    ), reached as materialized (
        select d.chat_id, d.sender_id, d.draft_key, d.content, d.content_hash, d.reply_seq, d.place,
            c.chat_type, c.last_seq, p.user_low + p.user_high - d.sender_id as receiver_id
        from draft d
        join chats c on c.id = d.chat_id
        left join private_chats p on c.chat_type = 'private' and p.chat_id = d.chat_id
            and d.sender_id in (p.user_low, p.user_high)
        left join room_members m on c.chat_type = 'room' and m.room_id = d.chat_id
            and m.user_id = d.sender_id and m.is_approved
        where c.chat_type = 'general' or p.chat_id is not null or m.room_id is not null
    ), known as materialized (
        select r.place, k.id, k.seq, k.timestamp, k.content_hash in (r.content_hash, '') as is_same,
            r.chat_type, r.receiver_id
        from reached r
        cross join lateral (
            select id, seq, timestamp, content_hash from messages k
            where k.chat_type = r.chat_type and k.chat_id = r.chat_id and k.sender_id = r.sender_id
                and k.draft_key between r.draft_key and r.draft_key
            order by k.draft_key limit 1
        ) k
    ), fresh as materialized (
        select r.chat_id, r.sender_id, r.draft_key, r.content, r.content_hash, r.reply_seq, r.place,
            r.chat_type, r.receiver_id, nextval('message_ids') as id, stored_at as timestamp,
            r.last_seq + row_number() over (partition by r.chat_id order by r.place) as seq,
            case when named is not null then named -> r.place::text end as mentions
        from reached r
        where (r.reply_seq is null or r.reply_seq <= r.last_seq)
            and not exists (select from known k where k.place = r.place)
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
    select place, id, seq, timestamp, chat_type, receiver_id, false, is_same, null from known
    union all
    -- What answers a message that is not there: without an id.
    select r.place, null, null, null, r.chat_type, null, true, false, null from reached r
    where r.reply_seq > r.last_seq and not exists (select from known k where k.place = r.place);
end
$$;

drop function alter_messages(
    bigint[], bigint[], bigint[], text[], text[], bigint[], boolean, bigint, bigint, bigint
);
-- As in 0012, and `names` are those in each new text.
create function alter_messages(
    chat_ids bigint[], seqs bigint[], user_ids bigint[], acts text[], texts text[], if_changes bigint[],
    names text[], is_again boolean, emoji_max bigint, reactions_max bigint, pins_max bigint, named_max bigint
) returns table (place bigint, outcome text, chat_type text, number bigint) language plpgsql volatile as $$
#variable_conflict use_column
declare
    asked record;
    target record;
    counted bigint;
    newest bigint;
    is_there boolean;
    is_moderator boolean;
    named jsonb;
begin
    perform from chats where id = any (chat_ids) order by id for no key update;
    for asked in
        select chat_id, seq, user_id, act, value, if_change, names, place
        from unnest(chat_ids, seqs, user_ids, acts, texts, if_changes, names)
            with ordinality as a (chat_id, seq, user_id, act, value, if_change, names, place)
        order by chat_id, place
    loop
        if counted is distinct from asked.chat_id then
            update chats set last_change = newest where id = counted and last_change < newest;
            counted := asked.chat_id;
            newest := (select last_change from chats where id = counted);
        end if;
        -- chats_pkey, the keys of the partitions, chat_rooms_pkey, private_chats_pkey, room_members_pkey.
        select c.chat_type, m.sender_id, m.content, m.mentions, coalesce(m.change, 0) as change,
            m.deleted_at is not null as is_deleted, m.pinned_at is not null as is_pinned,
            r.creator_id is not distinct from asked.user_id as is_creator
        into target
        from chats c
        join messages m on m.chat_type = c.chat_type and m.chat_id = c.id and m.seq = asked.seq
        left join chat_rooms r on r.id = c.id
        where c.id = asked.chat_id and (
            c.chat_type = 'general'
            or c.chat_type = 'private' and exists (
                select from private_chats p
                where p.chat_id = c.id and asked.user_id in (p.user_low, p.user_high)
            )
            or c.chat_type = 'room' and exists (
                select from room_members b
                where b.room_id = c.id and b.user_id = asked.user_id and b.is_approved
            )
        );
        place := asked.place;
        number := null;
        chat_type := null;
        if not found then
            outcome := 'unreachable';
            return next;
            continue;
        end if;
        chat_type := target.chat_type;
        is_there := asked.act in ('react', 'unreact') and exists (
            select from reactions r where r.chat_id = asked.chat_id and r.seq = asked.seq
                and r.emoji = asked.value and r.user_id = asked.user_id
        );
        -- Of the server. As of now: a socket may have been opened when they had another role.
        is_moderator := asked.act in ('delete', 'pin', 'unpin') and exists (
            select from users u where u.id = asked.user_id and u.role in ('moderator', 'owner')
        );
        outcome := case
            -- Rights.
            when asked.act = 'edit' and target.sender_id <> asked.user_id then 'forbidden'
            when asked.act = 'delete' and target.sender_id <> asked.user_id
                and not target.is_creator and not is_moderator then 'forbidden'
            when asked.act in ('pin', 'unpin') and not (
                target.chat_type = 'private'
                or target.chat_type = 'room' and target.is_creator
                or target.chat_type = 'general' and is_moderator
            ) then 'forbidden'
            -- Values.
            when asked.act in ('edit', 'react', 'unreact') and asked.value is null then 'invalid'
            -- States.
            when asked.act in ('edit', 'react', 'unreact', 'pin') and target.is_deleted then 'deleted'
            when asked.act = 'edit' and asked.if_change <> target.change
                and not (is_again and asked.value = target.content) then 'outdated'
            when case asked.act
                when 'edit' then asked.value = target.content
                when 'delete' then target.is_deleted
                when 'react' then is_there
                when 'unreact' then not is_there
                when 'pin' then target.is_pinned
                when 'unpin' then not target.is_pinned
            end then 'same'
            when asked.act = 'pin' and pins_max <= (
                select count(*) from messages m where m.chat_type = target.chat_type
                    and m.chat_id = asked.chat_id and m.pinned_at is not null
            ) then 'limit'
            when asked.act = 'react' and (
                select count(*) >= reactions_max
                    or count(distinct r.emoji) >= emoji_max and not bool_or(r.emoji = asked.value)
                from reactions r where r.chat_id = asked.chat_id and r.seq = asked.seq
            ) then 'limit'
            else 'changed'
        end;
        if outcome = 'changed' then
            newest := newest + 1;
            number := newest;
            if asked.act in ('edit', 'delete') and target.mentions is not null then
                delete from mentions n where n.chat_id = asked.chat_id and n.seq = asked.seq
                    and n.user_id = any (
                        array(select u.id::bigint from jsonb_array_elements_text(target.mentions) u (id))
                    );
            end if;
            case asked.act
                when 'edit' then
                    named := those_named(asked.chat_id, asked.user_id, asked.names, named_max);
                    insert into mentions (chat_id, user_id, seq)
                    select asked.chat_id, n.user_id::bigint, asked.seq
                    from jsonb_array_elements_text(named) n (user_id)
                    where n.user_id::bigint <> asked.user_id;
                    update messages m set content = asked.value, content_hash = '', mentions = named,
                        change = newest, edited_at = clock_timestamp()
                    where m.chat_type = target.chat_type and m.chat_id = asked.chat_id
                        and m.seq = asked.seq;
                when 'delete' then
                    delete from reactions r where r.chat_id = asked.chat_id and r.seq = asked.seq;
                    update messages m set content = '', content_hash = '', change = newest,
                        deleted_at = clock_timestamp(), deleted_by = asked.user_id, edited_at = null,
                        reply_seq = null, mentions = null, pinned_at = null, reactions = null
                    where m.chat_type = target.chat_type and m.chat_id = asked.chat_id
                        and m.seq = asked.seq;
                when 'pin', 'unpin' then
                    update messages m set change = newest,
                        pinned_at = case when asked.act = 'pin' then clock_timestamp() end
                    where m.chat_type = target.chat_type and m.chat_id = asked.chat_id
                        and m.seq = asked.seq;
                when 'react', 'unreact' then
                    if asked.act = 'react' then
                        insert into reactions (chat_id, seq, emoji, user_id, change)
                        values (asked.chat_id, asked.seq, asked.value, asked.user_id, newest);
                    else
                        delete from reactions r where r.chat_id = asked.chat_id and r.seq = asked.seq
                            and r.emoji = asked.value and r.user_id = asked.user_id;
                    end if;
                    update messages m set change = newest, reactions = (
                        select json_agg(
                            json_build_object('emoji', emoji, 'user_ids', user_ids) order by oldest
                        )
                        from (
                            select r.emoji, json_agg(r.user_id order by r.change) as user_ids,
                                min(r.change) as oldest
                            from reactions r where r.chat_id = asked.chat_id and r.seq = asked.seq
                            group by r.emoji
                        ) by_emoji
                    )
                    where m.chat_type = target.chat_type and m.chat_id = asked.chat_id
                        and m.seq = asked.seq;
            end case;
        end if;
        return next;
    end loop;
    update chats set last_change = newest where id = counted and last_change < newest;
end
$$;

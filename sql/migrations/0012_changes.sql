-- Messages that change: edited, deleted, reacted to, pinned, and those that answer others.
--
-- Each chat counts its changes beside its messages: in its locked row, so that they have one order. A
-- message has the number of its last change; there is no log of changes.
alter table chats add column last_change bigint not null default 0 check (last_change >= 0);

alter table messages
    add column change bigint,
    add column edited_at timestamptz,
    add column deleted_at timestamptz,
    add column deleted_by bigint,
    -- Which message of the same chat it answers.
    add column reply_seq bigint,
    add column pinned_at timestamptz,
    -- Derived from the table of reactions, whenever one is put or taken back: pages need not gather them.
    add column reactions json;
-- What has changed since: a short range, in order. Most messages never change and are in neither index.
create index messages_change_idx on messages (chat_type, chat_id, change) where change is not null;
create index messages_pinned_idx on messages (chat_type, chat_id, pinned_at) where pinned_at is not null;

-- `change` is the number of the change that put it: by it, they have an order.
create table reactions (
    chat_id bigint not null,
    seq bigint not null,
    emoji text not null,
    user_id bigint not null,
    change bigint not null,
    primary key (chat_id, seq, emoji, user_id)
);

-- Messages as they stand. `more` is what most of them lack: null, or an object with everything that has been
-- added to the message, of which members may be null. An excerpt of an answered message needs only its first
-- characters, but white space counts as one.
create view current_messages as
select m.id, m.chat_type, m.chat_id, m.seq, m.sender_id, m.receiver_id, m.content, m.timestamp, m.draft_key,
    m.change, m.pinned_at,
    (select u.username from users u where u.id = m.sender_id) as username,
    case when m.change is not null or m.reply_seq is not null then json_build_object(
        'change', m.change,
        'edited_at', m.edited_at,
        'is_deleted', m.deleted_at is not null,
        'is_pinned', m.pinned_at is not null,
        'reactions', m.reactions,
        'reply_to', (
            select json_build_object(
                'seq', r.seq,
                'user_id', r.sender_id,
                'username', (select u.username from users u where u.id = r.sender_id),
                'start', left(case when length(r.content) <= 600 then r.content else regexp_replace(
                    r.content, '[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+', ' ', 'g'
                ) end, 600),
                'is_deleted', r.deleted_at is not null
            )
            from messages r
            where r.chat_type = m.chat_type and r.chat_id = m.chat_id and r.seq = m.reply_seq
        )
    )::text end as more
from messages m;

-- As in 0010, and a draft may answer a message of its chat that is there already. The content of a message
-- that was edited or deleted has no digest any more: whatever comes under its key is a retry.
drop function store_messages(bigint[], bigint[], text[], text[], bytea[]);
create function store_messages(
    chat_ids bigint[], sender_ids bigint[], draft_keys text[], contents text[], content_hashes bytea[],
    reply_seqs bigint[]
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
            r.last_seq + row_number() over (partition by r.chat_id order by r.place) as seq
        from reached r
        where (r.reply_seq is null or r.reply_seq <= r.last_seq)
            and not exists (select from known k where k.place = r.place)
    ), stored as (
        insert into messages (id, chat_type, chat_id, seq, sender_id, receiver_id, room_id, content,
            timestamp, draft_key, content_hash, reply_seq)
        select id, chat_type, chat_id, seq, sender_id, receiver_id,
            case when chat_type = 'room' then chat_id end, content, timestamp, draft_key, content_hash,
            reply_seq
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
    select place, id, seq, timestamp, chat_type, receiver_id, false, is_same from known
    union all
    -- What answers a message that is not there: without an id.
    select r.place, null, null, null, r.chat_type, null, true, false from reached r
    where r.reply_seq > r.last_seq and not exists (select from known k where k.place = r.place);
end
$$;

-- Carries out alterations one after the other while holding the locks of their chats, and says what became
-- of each; `number` is that of the change, if there was one. A `value` that is null breaks a rule: that is
-- said only to those who might do it. `is_again` if the same batch may have been committed before.
create function alter_messages(
    chat_ids bigint[], seqs bigint[], user_ids bigint[], acts text[], texts text[], if_changes bigint[],
    is_again boolean, emoji_max bigint, reactions_max bigint, pins_max bigint
) returns table (place bigint, outcome text, chat_type text, number bigint) language plpgsql volatile as $$
#variable_conflict use_column
declare
    asked record;
    target record;
    counted bigint;
    newest bigint;
    is_there boolean;
    is_moderator boolean;
begin
    perform from chats where id = any (chat_ids) order by id for no key update;
    for asked in
        select chat_id, seq, user_id, act, value, if_change, place
        from unnest(chat_ids, seqs, user_ids, acts, texts, if_changes)
            with ordinality as a (chat_id, seq, user_id, act, value, if_change, place)
        order by chat_id, place
    loop
        if counted is distinct from asked.chat_id then
            update chats set last_change = newest where id = counted and last_change < newest;
            counted := asked.chat_id;
            newest := (select last_change from chats where id = counted);
        end if;
        -- chats_pkey, the keys of the partitions, chat_rooms_pkey, private_chats_pkey, room_members_pkey.
        select c.chat_type, m.sender_id, m.content, coalesce(m.change, 0) as change,
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
            case asked.act
                when 'edit' then
                    update messages m set content = asked.value, content_hash = '', change = newest,
                        edited_at = clock_timestamp()
                    where m.chat_type = target.chat_type and m.chat_id = asked.chat_id
                        and m.seq = asked.seq;
                when 'delete' then
                    delete from reactions r where r.chat_id = asked.chat_id and r.seq = asked.seq;
                    update messages m set content = '', content_hash = '', change = newest,
                        deleted_at = clock_timestamp(), deleted_by = asked.user_id, edited_at = null,
                        reply_seq = null, pinned_at = null, reactions = null
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

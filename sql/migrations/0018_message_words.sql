-- What messages are found by: their words, made by `model::words`. Filled behind the lane, from each chat's
-- range, because an index of words that the storing transaction kept would cost several times what storing
-- does. The index collects new entries in a list, which the filler empties long before it is full, so that
-- nobody has to do it while they store something.
create table message_words (
    chat_id bigint not null,
    timestamp timestamptz not null,
    id bigint not null,
    seq bigint not null,
    words tsvector not null,
    primary key (chat_id, timestamp, id)
);
create index message_words_newest_idx on message_words (timestamp, id);
create index message_words_words_idx on message_words using gin (words)
    with (fastupdate = on, gin_pending_list_limit = 65536);

-- Which messages of a chat are there: those after `above`, up to `upto`. New ones are added at the upper end,
-- those of before this migration at the lower. Nothing of a chat without a row is there.
create table indexed_ranges (
    chat_id bigint primary key,
    above bigint not null default 0 check (above >= 0),
    upto bigint not null default 0 check (upto >= above)
) with (fillfactor = 70);
create index indexed_ranges_old_idx on indexed_ranges (chat_id) where above > 0;
insert into indexed_ranges (chat_id, above, upto) select id, last_seq, last_seq from chats where last_seq > 0;

-- Messages in the index that have been edited since: searches read them as they are until they are put into it
-- again.
create table unindexed_edits (
    chat_id bigint not null,
    seq bigint not null,
    primary key (chat_id, seq)
);

-- Takes the words of a message out of the index in the transaction that changes or deletes it, whoever does
-- that. The lock on the range makes it wait for a filler that has read the message as it was; the row has to be
-- there for that. Most messages never change.
create function forget_words() returns trigger language plpgsql as $$
declare
    indexed record;
begin
    insert into indexed_ranges (chat_id) values (old.chat_id) on conflict do nothing;
    select i.above, i.upto into indexed from indexed_ranges i where i.chat_id = old.chat_id for share;
    delete from message_words w
    where w.chat_id = old.chat_id and w.timestamp = old.timestamp and w.id = old.id;
    if tg_op = 'UPDATE' and new.content <> '' and new.seq > indexed.above and new.seq <= indexed.upto then
        insert into unindexed_edits (chat_id, seq) values (new.chat_id, new.seq) on conflict do nothing;
    end if;
    return null;
end
$$;
create trigger messages_forget_words after delete or update of content on messages
    for each row execute function forget_words();

-- The chats that a user can read. Without a declared search path or strictness, so that it becomes a part of
-- the statement that it is in.
create function reachable_chats(viewer bigint) returns table (chat_id bigint) language sql stable as $$
    select id from chats where chat_type = 'general'
    union all
    select p.chat_id from private_chats p where p.user_low = viewer
    union all
    select p.chat_id from private_chats p where p.user_high = viewer
    union all
    select m.room_id from room_members m where m.user_id = viewer and m.is_approved
$$;

-- How many rows all tables have, about: messages by their numbers, the others as last counted.
select (
    (select coalesce(sum(last_seq), 0) from chats)
    + (select coalesce(sum(greatest(reltuples, 0)), 0) from pg_class
        where relnamespace = 'public'::regnamespace and relkind = 'r' and not relispartition)
)::bigint as rows

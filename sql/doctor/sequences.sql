-- Each sequence that numbers a table, and the highest number there, which the primary key knows.
with owned as materialized (
    select c.relname, a.attname,
        pg_get_serial_sequence(format('public.%I', c.relname), a.attname) as sequence
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and a.attidentity <> ''
), told as materialized (
    select relname, query_to_xml(
        format(
            'select (select coalesce(max(%I), 0) from public.%I) as highest,
                (select last_value from %s) as last',
            attname, relname, sequence
        ), false, true, ''
    )::text as told
    from owned
)
select relname::text as name, substring(told from '<highest>(-?\d+)</highest>')::bigint as highest,
    substring(told from '<last>(-?\d+)</last>')::bigint as last
from told
order by 1

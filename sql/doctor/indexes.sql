-- Indexes that PostgreSQL does not use, because making them failed.
select i.indexrelid::regclass::text as name
from pg_index i
join pg_class c on c.oid = i.indexrelid
where not i.indisvalid and c.relnamespace = 'public'::regnamespace
order by 1

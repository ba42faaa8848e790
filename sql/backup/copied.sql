-- How many rows each copy under way has passed on, by its table: a dump, and its restoring, are copies.
select relid::bigint as relation, tuples_processed as rows
from pg_stat_progress_copy
where datname = current_database()

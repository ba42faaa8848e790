-- How many messages are below ranges. indexed_ranges_old_idx.
select coalesce(sum(above), 0)::bigint as messages from indexed_ranges where above > 0

-- PostgreSQL itself: which one runs, what time it has, how much of it is used.
select current_setting('server_version') as version,
    extract(epoch from clock_timestamp())::double precision as clock,
    pg_database_size(current_database()) as database_bytes,
    current_setting('data_checksums') = 'on' as has_checksums,
    coalesce((
        select checksum_failures from pg_stat_database where datname = current_database()
    ), 0) as checksum_failures,
    (select count(*) from pg_stat_activity where backend_type = 'client backend') as connections,
    current_setting('max_connections')::bigint as connections_max

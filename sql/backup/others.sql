-- Connections of a snug that uses this database, apart from our own, which say so by their name.
select count(*) as others from pg_stat_activity
where datname = current_database() and application_name = 'snug' and pid <> pg_backend_pid()

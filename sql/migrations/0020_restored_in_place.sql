-- Two ways to restore that `0005` could not tell: a dump that is restored into the database it came from,
-- and the files of a cluster, copied as they lay or by a base backup, that begin to serve on their own.
-- The first writes the row of the epoch anew, in a transaction of its own; the second makes files anew,
-- whose time of change no copy can take along. Who may not ask for that is told the epoch without it.
create or replace function told_epoch() returns text language plpgsql stable as $$
declare
    place text := (select oid from pg_database where datname = current_database());
begin
    place := place || ' since ' || (select xmin from meta);
    begin
        place := place || ' in ' || (select system_identifier from pg_control_system());
    exception when insufficient_privilege or undefined_function or feature_not_supported then
        null;
    end;
    begin
        -- The first eight digits. pg_control_checkpoint() has it too, but hears of a new one only with
        -- the next checkpoint, minutes later.
        place := place || ' on ' || left(pg_walfile_name(pg_current_wal_lsn()), 8);
    exception when insufficient_privilege or undefined_function or feature_not_supported
        or object_not_in_prerequisite_state then
        null;
    end;
    begin
        -- Written once, when the cluster is made.
        place := place || ' made ' || (select change from pg_stat_file('PG_VERSION'));
    exception when insufficient_privilege or undefined_function or feature_not_supported
        or undefined_file then
        null;
    end;
    return (select left(encode(sha256(convert_to(epoch || ' of ' || place, 'UTF8')), 'hex'), 32) from meta);
end
$$;

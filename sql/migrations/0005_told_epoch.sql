-- The epoch that clients are told: a digest of the stored one and of where it is stored. Whoever restores
-- a dump takes the stored one along, and so does a cluster that is recovered from an archive, or a standby
-- that takes over; but the first is in another database, and the others are on another timeline. Each of
-- these histories goes on in its own way, and positions in one mean nothing in another.
--
-- Where PostgreSQL does not allow us to ask for a part, the epoch is told without it.
create function told_epoch() returns text language plpgsql stable as $$
declare
    place text := (select oid from pg_database where datname = current_database());
begin
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
    return (select left(encode(sha256(convert_to(epoch || ' of ' || place, 'UTF8')), 'hex'), 32) from meta);
end
$$;

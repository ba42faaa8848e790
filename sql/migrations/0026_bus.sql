-- Several nodes that share this database tell each other what is new; what they say is authenticated with this key.
create table bus_key (
    is_one boolean primary key default true check (is_one),
    key bytea not null check (length(key) = 32)
);

-- Where they meet. A database that has a copy of the key is elsewhere.
create function bus_place() returns text language plpgsql stable as $$
declare
    place text := (select oid from pg_database where datname = current_database());
begin
    begin
        place := place || ' in ' || (select system_identifier from pg_control_system());
    exception when insufficient_privilege or undefined_function or feature_not_supported then
        null;
    end;
    return left(encode(sha256(convert_to('bus of ' || place, 'UTF8')), 'hex'), 16);
end
$$;

-- Who takes part in which chat has changed: for nodes that nobody has told. Rows are kept for an hour.
create table reach_changes (
    at timestamptz not null default clock_timestamp(),
    chat_id bigint not null,
    user_id bigint not null
);
create index reach_changes_at_idx on reach_changes (at);

create function note_reach_change() returns trigger language plpgsql as $$
begin
    if tg_table_name = 'private_chats' then
        insert into reach_changes (chat_id, user_id)
        values (new.chat_id, new.user_low), (new.chat_id, new.user_high);
    elsif tg_op = 'DELETE' then
        if old.is_approved then
            insert into reach_changes (chat_id, user_id) values (old.room_id, old.user_id);
        end if;
    elsif new.is_approved or tg_op = 'UPDATE' and old.is_approved then
        insert into reach_changes (chat_id, user_id) values (new.room_id, new.user_id);
    end if;
    return null;
end
$$;

create trigger note_reach_change after insert or delete or update of state on room_members
    for each row execute function note_reach_change();
create trigger note_reach_change after insert on private_chats
    for each row execute function note_reach_change();

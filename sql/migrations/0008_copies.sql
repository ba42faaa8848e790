-- A database that is made of another one as its template has sequences that count numbers as logged which
-- are not in its own log: as in 0004, a crash soon after takes them back. So a database knows which one it
-- is, and one that finds itself to be another sets its sequences, once.
alter table meta add column database oid;

create function settle_copy() returns void language plpgsql as $$
declare
    own oid := (select oid from pg_database where datname = current_database());
begin
    if exists (select from meta where database = own) then
        return;
    end if;
    -- Nobody takes a number without a lock on its table.
    lock table users, chats, messages in share row exclusive mode;
    perform setval('users_id_seq', last_value, is_called) from users_id_seq;
    perform setval('chats_id_seq', last_value, is_called) from chats_id_seq;
    perform setval('message_ids', last_value, is_called) from message_ids;
    update meta set database = own;
end
$$;

-- How much there is of everything. Reads all accounts, sessions and chats, but no messages: their numbers have
-- no gaps.
select (select count(*) from users where state = 'active') as active,
    (select count(*) from users where state = 'disabled') as disabled,
    (select count(*) from users where state = 'pending') as pending,
    (select count(*) from sessions where revoked_at is null and expires_at > now()) as sessions,
    (select count(*) from chat_rooms) as rooms,
    (select count(*) from private_chats) as private_chats,
    (select coalesce(sum(last_seq), 0)::bigint from chats) as messages,
    pg_database_size(current_database()) as bytes

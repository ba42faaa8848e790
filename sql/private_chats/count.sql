-- How many private chats the user $1 has begun, and how many others have begun with the user $2, those of
-- which it is not known who did among them. private_chats_begun_idx, private_chats keys.
select (select count(*) from private_chats where begun_by = $1::bigint) as begun,
    (select count(*) from private_chats where user_low = $2::bigint and begun_by is distinct from $2)
        + (select count(*) from private_chats where user_high = $2 and begun_by is distinct from $2)
        as received

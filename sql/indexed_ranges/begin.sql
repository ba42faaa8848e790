-- A range for each of these chats ($1) that is there and has none. chats_pkey, indexed_ranges_pkey.
insert into indexed_ranges (chat_id)
select id from chats where id = any ($1::bigint[]) order by id
on conflict do nothing

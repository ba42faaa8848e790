-- A range for each of these chats ($1) that has none. indexed_ranges_pkey.
insert into indexed_ranges (chat_id) select unnest($1::bigint[]) order by 1 on conflict do nothing

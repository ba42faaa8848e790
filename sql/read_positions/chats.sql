-- The chats that the user $1 has read or written in, after the chat $2, by id; at most $3. read_positions_pkey,
-- chats_pkey.
select c.id, c.chat_type from read_positions p join chats c on c.id = p.chat_id
where p.user_id = $1 and p.chat_id > $2
order by p.chat_id
limit $3

-- Where $1, who was let in, begins to read the general chat: after what is there now. chats_general_key,
-- read_positions_pkey.
insert into read_positions as p (user_id, chat_id, read_seq)
select $1, id, last_seq from chats where chat_type = 'general'
on conflict (user_id, chat_id) do update set read_seq = greatest(p.read_seq, excluded.read_seq)

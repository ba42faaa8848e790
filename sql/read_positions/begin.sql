-- Where a new member begins to read: after what is there now. read_positions_pkey.
insert into read_positions as p (user_id, chat_id, read_seq) values ($1, $2, $3)
on conflict (user_id, chat_id) do update set read_seq = greatest(p.read_seq, excluded.read_seq)

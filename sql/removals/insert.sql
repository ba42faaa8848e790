-- Asks for the removal of what the user $1 says within the next $2 seconds and has said before, wherever they have
-- read, as all do who have written. read_positions_pkey, removals_pkey.
insert into removals (user_id, chat_id, upto)
select user_id, chat_id, now() + $2::float8 * interval '1 second' from read_positions where user_id = $1
on conflict (user_id, chat_id) do update set upto = excluded.upto

-- How far the user $1 has read. read_positions_pkey.
delete from read_positions where user_id = $1

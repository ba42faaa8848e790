-- How many requests of a room are open. room_members_state_idx.
select count(*) from room_members where room_id = $1 and state = 'pending'

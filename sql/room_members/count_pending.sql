-- Open requests of a room. room_members_state_idx.
select count(*) from room_members where room_id = $1 and state = 'pending'

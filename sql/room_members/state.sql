-- A user's membership state in a room. room_members_pkey.
select state from room_members where room_id = $1 and user_id = $2

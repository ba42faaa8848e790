-- Ends a membership; the user may ask to join again. room_members_pkey.
delete from room_members where room_id = $1 and user_id = $2 and is_approved

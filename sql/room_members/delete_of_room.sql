-- Whoever is, or asks to become, a member of the room $1. room_members_pkey.
delete from room_members where room_id = $1

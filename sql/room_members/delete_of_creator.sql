-- Whoever is, or asks to become, a member of a room of the creator $1. chat_rooms_creator_idx, room_members_pkey.
delete from room_members where room_id in (select id from chat_rooms where creator_id = $1)

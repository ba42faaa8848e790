-- Gives the room $1 to its member $2. chat_rooms_pkey, room_members_pkey.
update chat_rooms set creator_id = $2
where id = $1
    and exists (select from room_members where room_id = $1 and user_id = $2 and is_approved)

-- A request to join, if the room is still there; a user who already has a row keeps their state. chat_rooms_pkey,
-- room_members_pkey.
insert into room_members (room_id, user_id, state)
select id, $2, 'pending' from chat_rooms where id = $1
on conflict do nothing

-- A request to join; a user who already has a row keeps their state. room_members_pkey.
insert into room_members (room_id, user_id, state) values ($1, $2, 'pending') on conflict do nothing

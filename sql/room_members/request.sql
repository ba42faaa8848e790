-- A request to join; whoever is in the table already keeps their state. room_members_pkey.
insert into room_members (room_id, user_id, state) values ($1, $2, 'pending') on conflict do nothing

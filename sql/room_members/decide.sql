-- The creator's answer to a request. room_members_pkey.
update room_members set state = $3, decided_at = now() where room_id = $1 and user_id = $2

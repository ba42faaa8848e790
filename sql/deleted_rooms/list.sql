-- Rooms that have just been deleted by command. Reads all that are remembered, which are few.
select room_id from deleted_rooms where deleted_at > now() - interval '1 minute'

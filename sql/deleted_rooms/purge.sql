-- Forgets rooms that were deleted long ago: few, because only commands delete them.
delete from deleted_rooms where deleted_at < now() - interval '1 hour'

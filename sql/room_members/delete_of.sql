-- All memberships of the user $1, and their requests; the rooms that they were a member of. No index has them
-- all, which is borne because few accounts are ever deleted.
delete from room_members where user_id = $1 returning room_id, is_approved

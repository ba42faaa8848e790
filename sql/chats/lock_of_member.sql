-- Locks the chats of all rooms that the user $1 is a member of, in order of id as the lane does, so that none
-- of their messages slips in afterwards. room_members_user_idx, chats_pkey.
select id from chats
where id in (select room_id from room_members where user_id = $1 and is_approved)
order by id
for no key update

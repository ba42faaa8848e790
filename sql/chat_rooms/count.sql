-- How many rooms a user has created, and how many they are a member of. chat_rooms_creator_idx,
-- room_members_user_idx.
select (select count(*) from chat_rooms where creator_id = $1) as created,
    (select count(*) from room_members where user_id = $1 and is_approved) as joined

-- Deletes all rooms of the creator $1, of which nobody may be a member any more. chat_rooms_creator_idx.
delete from chat_rooms where creator_id = $1

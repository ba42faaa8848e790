-- The room's creator, if the viewer $1 is a member of it. chat_rooms_pkey, room_members_pkey.
select r.creator_id
from chat_rooms r
join room_members m on m.room_id = r.id and m.user_id = $1 and m.is_approved
where r.id = $2

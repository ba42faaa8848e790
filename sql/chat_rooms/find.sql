-- A room and its number of members, as seen by its member $1. chat_rooms_pkey, room_members_pkey.
select r.id, r.name, r.description, r.creator_id, r.created_at, r.invite_link,
    (select count(*) from room_members n where n.room_id = r.id and n.is_approved) as members
from chat_rooms r
join room_members m on m.room_id = r.id and m.user_id = $1 and m.is_approved
where r.id = $2

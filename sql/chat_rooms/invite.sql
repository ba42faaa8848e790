-- What an invite link shows: the room, who invites, and the membership state of the viewer $1. The
-- caller compares the link. chat_rooms_pkey, users_pkey, room_members_pkey, room_members_state_idx.
select r.name, r.description, r.creator_id, r.invite_link,
    coalesce(u.username, 'deleted-' || r.creator_id) as creator_name, m.state,
    (select count(*) from room_members n where n.room_id = r.id and n.state = 'approved') as members
from chat_rooms r
left join users u on u.id = r.creator_id
left join room_members m on m.room_id = r.id and m.user_id = $1
where r.id = $2

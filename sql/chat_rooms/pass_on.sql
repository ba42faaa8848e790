-- Passes the rooms of the creator $1 on, each to the member who was let in first after them; the rooms that
-- have one, and who that is. chat_rooms_creator_idx, room_members_pkey.
with heir as (
    select distinct on (m.room_id) m.room_id, m.user_id
    from chat_rooms r
    join room_members m on m.room_id = r.id and m.is_approved and m.user_id <> r.creator_id
    where r.creator_id = $1
    order by m.room_id, m.decided_at, m.user_id
)
update chat_rooms r set creator_id = h.user_id
from heir h
where r.id = h.room_id and r.creator_id = $1
returning r.id, r.creator_id

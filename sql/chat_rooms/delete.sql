-- Deletes the room $1, of which nobody may be a member any more, and remembers that for those whose sockets are in
-- it. chat_rooms_pkey.
with gone as (
    delete from chat_rooms where id = $1
    returning id
)
insert into deleted_rooms (room_id) select id from gone

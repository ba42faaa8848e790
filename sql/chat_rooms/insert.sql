-- A room for the chat $1; its creator is its first member.
with room as (
    insert into chat_rooms (id, creator_id, name, description, invite_link) values ($1, $2, $3, $4, $5)
    returning id, creator_id
)
insert into room_members (room_id, user_id, state, decided_at)
select id, creator_id, 'approved', now() from room

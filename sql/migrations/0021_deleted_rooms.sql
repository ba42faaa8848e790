-- Rooms that somebody has deleted by command, in another process than the one that has the sockets in them.
create table deleted_rooms (
    room_id bigint primary key,
    deleted_at timestamptz not null default now()
);

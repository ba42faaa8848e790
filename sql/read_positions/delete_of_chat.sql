-- How far anybody has read the chat $1, which is gone. No index: it is asked for once a room.
delete from read_positions where chat_id = $1

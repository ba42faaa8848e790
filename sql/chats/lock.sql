-- Locks a chat, as the lane does before it writes to it: whoever changes its members comes first.
-- chats_pkey.
select last_seq from chats where id = $1 for no key update

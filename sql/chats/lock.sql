-- Locks a chat, as the lane does before it writes to it, so that a change of its members comes
-- before or after a batch, never in between. chats_pkey.
select last_seq from chats where id = $1 for no key update

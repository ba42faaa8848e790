-- Locks the chats of a batch, always in id order, so that two writers cannot wait for each other.
-- The write statement comes second and so has a snapshot taken after these locks. chats_pkey.
select id from chats where id = any ($1::bigint[]) order by id for no key update

-- Locks the chats $1 of a batch, always in id order, so that two writers cannot wait for each other.
-- chats_pkey.
select from chats where id = any ($1::bigint[]) order by id for no key update

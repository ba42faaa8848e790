-- The first migration makes the sequence of chats and takes a number from it, in one transaction. With
-- wal_level = minimal PostgreSQL logs nothing of what such a transaction does to relations that it makes
-- itself, and yet it counts the next 32 numbers as logged: after a crash it gave them out again, and
-- each new chat failed until they were used up. Once a sequence has been set, its next number is logged.
-- The lock keeps others from taking numbers meanwhile; the id is for databases that fell back already.
lock table chats in share row exclusive mode;
select setval('chats_id_seq', greatest(s.last_value, (select max(id) from chats))) from chats_id_seq s;

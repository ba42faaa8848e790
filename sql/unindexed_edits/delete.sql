-- The messages in the chats $1 with the numbers $2 are in the index again. unindexed_edits_pkey.
delete from unindexed_edits e
using unnest($1::bigint[], $2::bigint[]) as d (chat_id, seq)
where e.chat_id = d.chat_id and e.seq = d.seq

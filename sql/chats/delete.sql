-- Deletes a chat that has no messages any more, and what is noted of it for the index of words. chats_pkey,
-- indexed_ranges_pkey, unindexed_edits_pkey.
with ranges as (
    delete from indexed_ranges where chat_id = $1
), edits as (
    delete from unindexed_edits where chat_id = $1
)
delete from chats where id = $1

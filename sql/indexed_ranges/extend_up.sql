-- New upper ends ($2) of the ranges of these chats ($1). indexed_ranges_pkey.
update indexed_ranges i set upto = d.upto
from unnest($1::bigint[], $2::bigint[]) as d (chat_id, upto)
where i.chat_id = d.chat_id

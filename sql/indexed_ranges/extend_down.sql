-- The new lower end ($2) of the range of the chat $1. indexed_ranges_pkey.
update indexed_ranges set above = $2 where chat_id = $1

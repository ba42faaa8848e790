-- Of the chats of the viewer $1, or only of the chat $2 if it is one of them: how many there are, how many of
-- their messages are not in the index yet because they are new or were edited, and whether older ones are
-- missing, too. chats_pkey, indexed_ranges_pkey, unindexed_edits_pkey.
select count(*) as chats, coalesce(sum(c.last_seq - coalesce(i.upto, 0) + e.edits), 0)::bigint as new,
    coalesce(bool_or(i.above > 0), false) as lacks_old
from reachable_chats($1) r
join chats c on c.id = r.chat_id
left join indexed_ranges i on i.chat_id = c.id
cross join lateral (select count(*) as edits from unindexed_edits e where e.chat_id = c.id) e
where $2::bigint is null or c.id = $2

-- How the index of words and the messages that it says it has differ, and how often. Reads everything.
select 'messages that no search finds' as what, count(*) as rows
from messages m
join indexed_ranges i on i.chat_id = m.chat_id and m.seq > i.above and m.seq <= i.upto
where m.content <> ''
    and not exists (
        select from message_words w where w.chat_id = m.chat_id and w.timestamp = m.timestamp and w.id = m.id
    )
    and not exists (select from unindexed_edits e where e.chat_id = m.chat_id and e.seq = m.seq)
union all
select 'words of no message, or of one that is read besides', count(*)
from message_words w
left join messages m on m.chat_id = w.chat_id and m.seq = w.seq and m.id = w.id and m.timestamp = w.timestamp
left join indexed_ranges i on i.chat_id = w.chat_id and w.seq > i.above and w.seq <= i.upto
where m.id is null or i.chat_id is null
    or exists (select from unindexed_edits e where e.chat_id = w.chat_id and e.seq = w.seq)

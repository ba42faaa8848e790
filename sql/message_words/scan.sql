-- The places of messages of the viewer $1, in their chats or only in the chat $2, that are not in the index: of
-- each chat the newest $3 at most, and those that were edited; of these the ones by $7 (if it is not null) that are
-- older than the place ($4, $5) and newer than $6. The inner limits keep the planner from reading all messages.
-- indexed_ranges_pkey, unindexed_edits_pkey, chats_pkey, messages_pkey.
with own as (
    select c.id, c.chat_type, c.last_seq, coalesce(i.upto, 0) as upto
    from reachable_chats($1) r
    join chats c on c.id = r.chat_id
    left join indexed_ranges i on i.chat_id = c.id
    where $2::bigint is null or c.id = $2
), lacking as (
    select o.id as chat_id, m.seq, m.sender_id, m.timestamp, m.id
    from own o
    cross join lateral (
        select k.seq, k.sender_id, k.timestamp, k.id
        from messages k
        where k.chat_type = o.chat_type and k.chat_id = o.id
            and k.seq > greatest(o.upto, o.last_seq - $3::bigint)
        limit $3
    ) m
    where o.last_seq > o.upto
    union all
    select o.id, m.seq, m.sender_id, m.timestamp, m.id
    from own o
    join unindexed_edits e on e.chat_id = o.id
    cross join lateral (
        select k.seq, k.sender_id, k.timestamp, k.id
        from messages k
        where k.chat_type = o.chat_type and k.chat_id = o.id and k.seq = e.seq
        limit 1
    ) m
)
select l.chat_id, l.seq, l.timestamp as at, l.id as at_id
from lacking l
where (l.timestamp, l.id) < ($4::timestamptz, $5::bigint) and l.timestamp > $6::timestamptz
    and ($7::bigint is null or l.sender_id = $7)
order by l.timestamp desc, l.id desc
limit $3

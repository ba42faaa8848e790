-- Messages of the viewer $1, in their chats or only in the chat $2, that are not in the index: of each chat the
-- newest $3 at most, and those that were edited; of these the ones by $7 (if it is not null) that are older than
-- the place ($4, $5) and newer than $6. indexed_ranges_pkey, unindexed_edits_pkey, chats_pkey, messages_pkey.
with own as (
    select c.id, c.chat_type, c.last_seq, coalesce(i.upto, 0) as upto
    from reachable_chats($1) r
    join chats c on c.id = r.chat_id
    left join indexed_ranges i on i.chat_id = c.id
    where $2::bigint is null or c.id = $2
), lacking as (
    select o.id as chat_id, o.chat_type, m.seq
    from own o
    cross join lateral (
        select k.seq
        from messages k
        where k.chat_type = o.chat_type and k.chat_id = o.id
            and k.seq > greatest(o.upto, o.last_seq - $3::bigint)
    ) m
    where o.last_seq > o.upto
    union all
    select o.id, o.chat_type, e.seq from own o join unindexed_edits e on e.chat_id = o.id
)
select m.timestamp as at, m.id as at_id, l.chat_id, l.chat_type, m.id, m.seq, m.sender_id, m.receiver_id, m.content,
    m.timestamp, m.draft_key, m.more, m.reply_seq, a.answered_id, a.answered, a.is_answered_deleted,
    a.answered_username
from lacking l
cross join lateral (
    select k.id, k.seq, k.sender_id, k.receiver_id, k.content, k.timestamp, k.draft_key, k.more, k.reply_seq
    from current_messages k
    where k.chat_type = l.chat_type and k.chat_id = l.chat_id and k.seq = l.seq
    limit 1
) m
left join lateral (
    select r.sender_id as answered_id, beginning_of(r.content) as answered,
        r.deleted_at is not null as is_answered_deleted,
        (select u.username from users u where u.id = r.sender_id) as answered_username
    from messages r
    where r.chat_type = l.chat_type and r.chat_id = l.chat_id and r.seq = m.reply_seq
    limit 1
) a on true
where (m.timestamp, m.id) < ($4::timestamptz, $5::bigint) and m.timestamp > $6::timestamptz
    and ($7::bigint is null or m.sender_id = $7)
order by m.timestamp desc, m.id desc
limit $3

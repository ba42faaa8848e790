-- The messages that have the numbers $2 in the chats $1, as they stand; for the lane, which knows who may see
-- them, and for searches, which have found them among the viewer's. chats_pkey, the keys of the partitions: the
-- range, the order and the limits keep the planner from looking for a number in all chats of a kind.
select c.id as chat_id, c.chat_type, m.id, m.seq, m.sender_id, m.receiver_id, m.content, m.timestamp, m.draft_key,
    m.username, m.more, m.reply_seq, a.answered_id, a.answered, a.is_answered_deleted, a.answered_username
from unnest($1::bigint[], $2::bigint[]) as w (chat_id, seq)
join chats c on c.id = w.chat_id
cross join lateral (
    select k.id, k.seq, k.sender_id, k.receiver_id, k.content, k.timestamp, k.draft_key, k.username, k.more,
        k.reply_seq
    from current_messages k
    where k.chat_type = c.chat_type and k.chat_id = c.id and k.seq between w.seq and w.seq
    order by k.seq
    limit 1
) m
left join lateral (
    select r.sender_id as answered_id, beginning_of(r.content) as answered,
        r.deleted_at is not null as is_answered_deleted,
        (select u.username from users u where u.id = r.sender_id) as answered_username
    from messages r
    where r.chat_type = c.chat_type and r.chat_id = c.id and r.seq between m.reply_seq and m.reply_seq
    order by r.seq
    limit 1
) a on true

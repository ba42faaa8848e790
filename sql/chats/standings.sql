-- Every chat of the viewer $1: its last number, how far they have read, and how many messages after that name
-- them, of which at most $2 are counted. private_chats keys, room_members_user_idx, chats_pkey,
-- read_positions_pkey, mentions_pkey.
with own as (
    select id from chats where chat_type = 'general'
    union all
    select chat_id from private_chats where user_low = $1
    union all
    select chat_id from private_chats where user_high = $1
    union all
    select room_id from room_members where user_id = $1 and is_approved
)
select c.id as chat_id, c.chat_type, c.last_seq, c.last_change, coalesce(p.read_seq, 0) as read_seq,
    case when c.last_seq > coalesce(p.read_seq, 0) then (
        select count(distinct n.seq) from (
            select e.seq from mentions e
            where e.chat_id = c.id and e.user_id in ($1, 0) and e.seq > coalesce(p.read_seq, 0)
            limit $2::bigint
        ) n
    ) else 0 end as mentioned
from own o
join chats c on c.id = o.id
left join read_positions p on p.user_id = $1 and p.chat_id = c.id
order by c.id

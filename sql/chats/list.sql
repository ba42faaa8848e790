-- The viewer's chats ($1), most recent activity first (a chat without messages counts from when it
-- began): those after the chat $2 in that order, or only the chat $4; at most $3. Each comes with
-- its last message, if it has one: all of it, or the first $5 characters from the first that can be seen; how
-- many messages that they have not read name them, of which at most $6 are counted; and how far the other one of a
-- private chat has read, which is null if one of the two does not show it. private_chats keys,
-- room_members_user_idx, chats_pkey, messages_pkey, mentions_pkey, users_pkey, read_positions_pkey.
with own as (
    select id, null::bigint as other_id, null::text as name, null::timestamptz as began_at
    from chats where chat_type = 'general'
    union all
    select chat_id, user_high, null, created_at from private_chats where user_low = $1
    union all
    select chat_id, user_low, null, created_at from private_chats where user_high = $1
    union all
    select m.room_id, null, r.name, coalesce(m.decided_at, r.created_at)
    from room_members m join chat_rooms r on r.id = m.room_id
    where m.user_id = $1 and m.is_approved
), standing as (
    select c.id as chat_id, c.chat_type, c.last_seq, c.last_change, coalesce(p.read_seq, 0) as read_seq, o.other_id,
        o.name, greatest(o.began_at, t.timestamp, '-infinity') as active_at
    from own o
    join chats c on c.id = o.id
    left join read_positions p on p.user_id = $1 and p.chat_id = c.id
    left join messages t
        on t.chat_type = c.chat_type and t.chat_id = c.id and t.seq = c.last_seq
    where $4::bigint is null or c.id = $4
), page as (
    select s.* from standing s
    where $2::bigint is null
        or (s.active_at, s.chat_id) < (select a.active_at, a.chat_id from standing a where a.chat_id = $2)
    order by s.active_at desc, s.chat_id desc
    limit $3::bigint
)
select p.chat_id, p.chat_type, p.last_seq, p.last_change, p.read_seq, p.other_id,
    case when p.last_seq > p.read_seq then (
        select count(distinct n.seq) from (
            select e.seq from mentions e
            where e.chat_id = p.chat_id and e.user_id in ($1, 0) and e.seq > p.read_seq
            limit $6::bigint
        ) n
    ) else 0 end as mentioned,
    coalesce(p.name, case when p.other_id is null then 'General'
        else coalesce((select u.username from users u where u.id = p.other_id), 'deleted-' || p.other_id)
    end) as name,
    (
        select coalesce(max(q.read_seq), 0)
        from users me join users other on other.id = p.other_id and other.shows_presence
        left join read_positions q on q.user_id = p.other_id and q.chat_id = p.chat_id
        where me.id = $1 and me.shows_presence
        having count(*) > 0
    ) as seen_seq,
    m.id, m.seq, m.sender_id, m.receiver_id,
    case
        when $5::integer is null then m.content
        -- Seldom: what begins with white space, or with what nobody sees.
        when left(m.content, 1) ~ $blank$[\u0001-\u0020\u0085\u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F\u2000-\u200F\u2028-\u202F\u205F-\u206F\u2800\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB\U000E0000-\U000E0FFF]$blank$
            then left(regexp_replace(m.content, $blank$^[\u0001-\u0020\u0085\u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F\u2000-\u200F\u2028-\u202F\u205F-\u206F\u2800\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB\U000E0000-\U000E0FFF]+$blank$, ''), $5)
        else left(m.content, $5)
    end as content,
    m.timestamp, m.draft_key, m.more, m.reply_seq, r.sender_id as answered_id,
    beginning_of(r.content) as answered, r.deleted_at is not null as is_answered_deleted,
    (select u.username from users u where u.id = r.sender_id) as answered_username,
    coalesce(m.username, 'deleted-' || m.sender_id) as username
from page p
left join current_messages m on m.chat_type = p.chat_type and m.chat_id = p.chat_id and m.seq = p.last_seq
left join messages r on r.chat_type = m.chat_type and r.chat_id = m.chat_id and r.seq = m.reply_seq
order by p.active_at desc, p.chat_id desc

-- What must never be, and how often it is. Reads everything.
select 'messages of another kind than their chat' as what, count(*) as rows
from messages m join chats c on c.id = m.chat_id where c.chat_type <> m.chat_type
union all
select 'private messages that are not between the two of their chat', count(*)
from private_messages m left join private_chats p on p.chat_id = m.chat_id
where p.chat_id is null or m.receiver_id is null
    or (least(m.sender_id, m.receiver_id), greatest(m.sender_id, m.receiver_id))
        <> (p.user_low, p.user_high)
union all
select 'messages of a room under another room', count(*)
from room_messages where room_id is distinct from chat_id
union all
select 'message ids that are there twice', count(*)
from (select id from messages group by id having count(*) > 1) twice
union all
select 'message ids that will be given out again', count(*)
from messages where id > (select last_value from message_ids)
union all
select 'private chats and rooms without their chat', count(*)
from (
    select chat_id, 'private' as chat_type from private_chats union all select id, 'room' from chat_rooms
) k
left join chats c on c.id = k.chat_id and c.chat_type = k.chat_type
where c.id is null
union all
select 'chats without their private chat or room', count(*)
from chats c
where (c.chat_type = 'private' and not exists (select from private_chats p where p.chat_id = c.id))
    or (c.chat_type = 'room' and not exists (select from chat_rooms r where r.id = c.id))
union all
select 'read positions past the end of their chat', count(*)
from read_positions p left join chats c on c.id = p.chat_id
where c.id is null or p.read_seq > c.last_seq
union all
select 'changes past the last one of their chat', count(*)
from messages m join chats c on c.id = m.chat_id where m.change > c.last_change
union all
select 'changes that two messages of a chat have', count(*)
from (
    select chat_id, change from messages where change is not null group by 1, 2 having count(*) > 1
) twice
union all
select 'messages whose reactions are not those in their table', count(*)
from (select chat_id, seq, reactions from messages where reactions is not null) m
full join (
    select chat_id, seq,
        json_agg(json_build_object('emoji', emoji, 'user_ids', user_ids) order by oldest) as reactions
    from (
        select chat_id, seq, emoji, json_agg(user_id order by change) as user_ids, min(change) as oldest
        from reactions
        group by chat_id, seq, emoji
    ) by_emoji
    group by chat_id, seq
) r on r.chat_id = m.chat_id and r.seq = m.seq
where m.reactions::text is distinct from r.reactions::text
union all
select 'messages that do not name those whom the table of mentions says', count(*)
from (
    select m.chat_id, m.seq, n.user_id::bigint as user_id
    from messages m cross join jsonb_array_elements_text(m.mentions) n (user_id)
    where m.mentions is not null and n.user_id::bigint <> m.sender_id
) m
full join mentions n on n.chat_id = m.chat_id and n.seq = m.seq and n.user_id = m.user_id
where m.seq is null or n.seq is null

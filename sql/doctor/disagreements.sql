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

-- The message $3 of the chat $2, if the viewer $1 may see it. chats_pkey, private_chats_pkey,
-- room_members_pkey, the keys of the partitions.
select c.chat_type, k.id, k.seq, k.sender_id, k.receiver_id, k.content, k.timestamp, k.draft_key, k.more,
    k.reply_seq
from chats c
join current_messages k on k.chat_type = c.chat_type and k.chat_id = c.id and k.seq = $3::bigint
where c.id = $2 and (
    c.chat_type = 'general'
    or c.chat_type = 'private' and exists (
        select from private_chats p where p.chat_id = c.id and $1 in (p.user_low, p.user_high)
    )
    or c.chat_type = 'room' and exists (
        select from room_members m where m.room_id = c.id and m.user_id = $1 and m.is_approved
    )
)

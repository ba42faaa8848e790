-- What these chats ($2) are called for the viewer $1, of those that they can read. chats_pkey,
-- private_chats_pkey, chat_rooms_pkey, users_pkey.
select c.id as chat_id, case c.chat_type
    when 'general' then 'General'
    when 'room' then r.name
    else coalesce(u.username, 'deleted-' || (p.user_low + p.user_high - $1))
end as name
from reachable_chats($1) o
join chats c on c.id = o.chat_id
left join chat_rooms r on r.id = c.id
left join private_chats p on p.chat_id = c.id
left join users u on u.id = p.user_low + p.user_high - $1
where c.id = any ($2::bigint[])

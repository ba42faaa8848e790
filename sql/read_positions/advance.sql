-- Moves read positions forward, never past the chat's last number, and only for users who can see
-- the chats. Returns those that moved: none in an empty chat. Rows are locked in the same order as
-- in the lane, so that the two cannot deadlock. In a private chat with who else is to know it, if both show
-- their presence. read_positions_pkey, chats_pkey, private_chats_pkey, users_pkey.
insert into read_positions as p (user_id, chat_id, read_seq)
select n.user_id, n.chat_id, least(max(n.seq), max(c.last_seq))
from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as n (user_id, chat_id, seq)
join chats c on c.id = n.chat_id and (
    c.chat_type = 'general'
    or c.chat_type = 'private' and exists (
        select from private_chats d where d.chat_id = c.id and n.user_id in (d.user_low, d.user_high)
    )
    or c.chat_type = 'room' and exists (
        select from room_members m where m.room_id = c.id and m.user_id = n.user_id and m.is_approved
    )
)
group by n.user_id, n.chat_id
having least(max(n.seq), max(c.last_seq)) > 0
order by 1, 2
on conflict (user_id, chat_id) do update set read_seq = excluded.read_seq
where p.read_seq < excluded.read_seq
returning user_id, chat_id, read_seq, (
    select other.id
    from private_chats d
    join users me on me.id = p.user_id and me.shows_presence
    join users other on other.id = case d.user_low when p.user_id then d.user_high else d.user_low end
        and other.shows_presence
    where d.chat_id = p.chat_id
) as seen_by

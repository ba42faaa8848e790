-- A page of the general chat as seen by the viewer $1, with the chat's last numbers in each row: an
-- empty page is one row without a message; no row means that the viewer may not see the chat.
-- Numbers have no gaps, so a page is arithmetic: $3 limit, $4 offset from the end, $5 before, $6
-- after. The limit in the inner query keeps the planner, which does not know how short the range
-- is, from reading the whole chat. There is no ORDER BY, because PostgreSQL would copy all the rows
-- to sort what is sorted already: the caller puts them in order. chats_pkey, general_messages_pkey.
-- build.rs makes the statements for private chats and for rooms from this one: it replaces "general" by
-- their kind, takes the lines that begin with "-- private:" or "-- room:", and leaves out those that end
-- with "-- general".
with reach as (
    select c.id, c.last_seq, c.last_change,
        coalesce($6::bigint, least($5::bigint - 1, c.last_seq - $4::bigint) - $3::bigint) as above,
        coalesce($6 + $3, least($5 - 1, c.last_seq - $4)) as upto
    from chats c
    where c.id = $2 and c.chat_type = 'general' and
        $1::bigint is not null -- general
        -- private: exists (
        -- private:     select from private_chats p where p.chat_id = c.id and $1 in (p.user_low, p.user_high)
        -- private: )
        -- room: exists (
        -- room:     select from room_members m where m.room_id = c.id and m.user_id = $1 and m.is_approved
        -- room: )
)
select r.last_seq, r.last_change, m.id, m.seq, m.sender_id,
    -- private: m.receiver_id,
    m.content, m.timestamp, m.draft_key, m.more, m.reply_seq
from reach r
left join lateral (
    select k.id, k.seq, k.sender_id,
        -- private: k.receiver_id,
        k.content, k.timestamp, k.draft_key, k.more, k.reply_seq
    from current_messages k
    where k.chat_type = 'general' and k.chat_id = r.id and k.seq > r.above and k.seq <= r.upto
    order by k.seq
    limit $3
) m on true

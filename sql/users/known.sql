-- Whom each of the users $1 knows: the others of their private chats, and of their rooms with at most $2
-- members; of each at most $3, in no order. private_chats keys, room_members_user_idx, room_members_state_idx.
select own.id as user_id, known.id as known_id
from unnest($1::bigint[]) as own (id)
cross join lateral (
    select other.id from (
        select user_high as id from private_chats where user_low = own.id
        union
        select user_low from private_chats where user_high = own.id
        union
        select unnest(room.ids)
        from room_members me
        cross join lateral (
            select array_agg(few.user_id) as ids from (
                select m.user_id from room_members m
                where m.room_id = me.room_id and m.state = 'approved'
                limit $2::bigint + 1
            ) few
        ) room
        where me.user_id = own.id and me.is_approved and cardinality(room.ids) <= $2::bigint
    ) other
    where other.id <> own.id
    limit $3::bigint
) known

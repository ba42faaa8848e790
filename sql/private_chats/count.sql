-- The private chats of whichever of two users has more of them, counted. private_chats keys.
select max(n) from (
    select (select count(*) from private_chats where user_low = u)
        + (select count(*) from private_chats where user_high = u) as n
    from unnest(array[$1::bigint, $2::bigint]) u
) counted

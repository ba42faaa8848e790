-- Who has come into which chat, or left it, in the last $1 seconds, the latest first, at most $2; and whether they take
-- part in it now. reach_changes_at_idx, room_members_pkey, private_chats_pkey.
select r.chat_id, r.user_id, max(r.at) as at,
    exists (
        select from room_members m where m.room_id = r.chat_id and m.user_id = r.user_id and m.is_approved
    ) or exists (
        select from private_chats p where p.chat_id = r.chat_id and r.user_id in (p.user_low, p.user_high)
    ) as is_in
from reach_changes r
where r.at > now() - make_interval(secs => $1)
group by r.chat_id, r.user_id
order by max(r.at) desc
limit $2

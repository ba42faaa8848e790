-- The mails that are due, at most $1, each put off until its next try: after a minute, two, four, … of those
-- that others take at the same time, none. mails_next_idx, users_pkey.
with due as (
    select user_id from mails where next_at <= now() order by next_at limit $1 for update skip locked
)
update mails m
set tries = m.tries + 1, next_at = now() + interval '1 minute' * power(2, least(m.tries, 10))
from due, users u
where m.user_id = due.user_id and u.id = m.user_id
returning m.user_id, u.username, u.email

-- What an answer quotes is read beside the messages, not within: the plan of the view named the tables for it,
-- and PostgreSQL locked and opened each of them for every page, whether or not there was an answer on it.
create or replace view current_messages as
select m.id, m.chat_type, m.chat_id, m.seq, m.sender_id, m.receiver_id, m.content, m.timestamp, m.draft_key,
    m.change, m.pinned_at,
    (select u.username from users u where u.id = m.sender_id) as username,
    -- What has been changed about it: null, or an object of which members may be null.
    case when m.change is not null then json_build_object(
        'change', m.change,
        'edited_at', m.edited_at,
        'is_deleted', m.deleted_at is not null,
        'is_pinned', m.pinned_at is not null,
        'reactions', m.reactions
    )::text end as more,
    m.reply_seq
from messages m;

-- Enough of a text for an excerpt, in which white space counts as one.
create function beginning_of(content text) returns text language sql immutable parallel safe as $$
    select case when length(content) <= 600 then content else left(regexp_replace(
        content, '[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+', ' ', 'g'
    ), 600) end
$$;

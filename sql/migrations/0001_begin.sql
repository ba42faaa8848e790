-- The schema: accounts, chats and the messages in them. Applied once, in one transaction; never edited
-- after a release.

-- One row. `epoch` changes when the history itself is replaced (a restored backup).
create table meta (
    single boolean primary key default true check (single),
    epoch text not null default replace(gen_random_uuid()::text, '-', '')
);
insert into meta default values;

create table users (
    id bigint generated always as identity primary key,
    username text not null,
    email text not null,
    password_hash text not null,
    created_at timestamptz not null default now()
);
create unique index users_username_key on users (lower(username) text_pattern_ops);
create unique index users_email_key on users (lower(email));

create table sessions (
    id text primary key,
    user_id bigint not null references users on delete cascade,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    revoked_at timestamptz,
    user_agent text
);
create index sessions_user_idx on sessions (user_id);
create index sessions_expires_idx on sessions (expires_at);

-- One row a chat; its row lock is what numbers messages. Updated with every batch, hence the free
-- space in each page and no index on last_seq: such updates stay within their page.
create table chats (
    id bigint generated always as identity primary key,
    chat_type text not null check (chat_type in ('general', 'private', 'room')),
    last_seq bigint not null default 0 check (last_seq >= 0)
) with (fillfactor = 70);
create unique index chats_general_key on chats (chat_type) where chat_type = 'general';
insert into chats (chat_type) values ('general');

create table private_chats (
    chat_id bigint primary key references chats,
    user_low bigint not null,
    user_high bigint not null,
    created_at timestamptz not null default now(),
    check (user_low < user_high),
    unique (user_low, user_high)
);
create index private_chats_high_idx on private_chats (user_high);

create table read_positions (
    user_id bigint not null,
    chat_id bigint not null,
    read_seq bigint not null check (read_seq >= 0),
    primary key (user_id, chat_id)
) with (fillfactor = 70);

create table chat_rooms (
    id bigint primary key references chats,
    creator_id bigint not null,
    name text not null,
    description text not null,
    -- Path and code; the host is added where the link is shown.
    invite_link text not null,
    created_at timestamptz not null default now()
);
create index chat_rooms_creator_idx on chat_rooms (creator_id);

create table room_members (
    room_id bigint not null references chat_rooms,
    user_id bigint not null,
    state text not null check (state in ('pending', 'approved', 'denied')),
    is_approved boolean generated always as (state = 'approved') stored,
    requested_at timestamptz not null default now(),
    decided_at timestamptz,
    primary key (room_id, user_id)
);
create index room_members_user_idx on room_members (user_id) where is_approved;
create index room_members_state_idx on room_members (room_id, state, requested_at, user_id);

-- Every message. `draft_key` is 'c' and the client's own name for it, or 's' and one of ours: by it a
-- retry is recognised for ever. `content_hash` is of the first content. No foreign keys: they cost a
-- fifth of the throughput, and a deleted user's messages stay.
create sequence message_ids as bigint cache 1;
create table messages (
    id bigint not null,
    chat_type text not null,
    chat_id bigint not null,
    seq bigint not null check (seq > 0),
    sender_id bigint not null,
    receiver_id bigint,
    room_id bigint,
    content text not null,
    timestamp timestamptz not null,
    draft_key text not null,
    content_hash bytea not null,
    primary key (chat_type, chat_id, seq),
    unique (chat_type, chat_id, sender_id, draft_key)
) partition by list (chat_type);
create table general_messages partition of messages for values in ('general');
create table private_messages partition of messages for values in ('private');
create table room_messages partition of messages for values in ('room');

-- Accounts that wait for somebody who looks after the server to let them in.
alter table users drop constraint users_state_check;
alter table users add constraint users_state_check check (state in ('active', 'disabled', 'pending'));
create index users_pending_idx on users (id) where state = 'pending';

-- Who was not let in: their accounts are gone, but whoever denies them again is answered as the first time.
create table denied_signups (
    user_id bigint primary key,
    denied_at timestamptz not null default now()
);

-- Who may sign up, if somebody has said so by command; else the setting says it.
alter table meta add column signups text check (signups in ('open', 'invite', 'approval', 'closed'));

-- Links to the sign-up page, by the hash of the token in them, and how many accounts they are still good for.
create table invites (
    hash bytea primary key,
    uses_left integer not null check (uses_left >= 0),
    expires_at timestamptz not null
);

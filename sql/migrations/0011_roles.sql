-- What a user may do for the whole server. Owners are few: that one of them stays is decided under a lock on all.
alter table users
    add column role text not null default 'member' check (role in ('member', 'moderator', 'owner'));
create index users_role_idx on users (role, id) where role <> 'member';

-- Links that can be used once, by the hash (SHA-256) of the token in them.
create table links (
    hash bytea primary key,
    purpose text not null check (purpose in ('setup')),
    expires_at timestamptz not null
);

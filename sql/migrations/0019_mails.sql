-- Links to set a new password that are to be sent by mail, one for a user. Only that one is to be sent: the
-- link itself is made when it is, because its token is stored nowhere.
create table mails (
    user_id bigint primary key references users on delete cascade,
    asked_at timestamptz not null default now(),
    tries integer not null default 0,
    next_at timestamptz not null default now()
);
create index mails_next_idx on mails (next_at);

-- A link that came by mail replaces those that came by mail; others only a link of the operator's.
alter table links add column by_mail boolean not null default false;

-- When and from where a session was used last, to some minutes; of older ones, when they began.
alter table sessions add column last_used_at timestamptz not null default now(), add column address inet;
update sessions set last_used_at = created_at;

-- Whether an account can be used. What belongs to a disabled one stays as it is.
alter table users add column state text not null default 'active' check (state in ('active', 'disabled'));

-- Links to set a new password, one for a user.
alter table links drop constraint links_purpose_check;
alter table links
    add constraint links_purpose_check check (purpose in ('setup', 'reset')),
    add column user_id bigint references users on delete cascade,
    add check ((purpose = 'reset') = (user_id is not null));
create index links_user_idx on links (user_id) where user_id is not null;

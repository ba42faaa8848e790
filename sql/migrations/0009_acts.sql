-- What forms have done, each by its own name (`http::form`), and the id of what it made, if it made something:
-- a form that is sent twice is answered like the first time. Written in the transaction of the act itself.
create table acts (
    name bytea primary key,
    made bigint not null,
    at timestamptz not null default now()
);
create index acts_at_idx on acts (at);

-- Where a user has asked to join and waits for the answer.
create index room_members_asked_idx on room_members (user_id) where state = 'pending';

-- Chats in which all that somebody has said by a moment is to become deleted messages.
create table removals (
    user_id bigint not null,
    chat_id bigint not null,
    upto timestamptz not null,
    primary key (user_id, chat_id)
);

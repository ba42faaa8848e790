-- A new account with the role $5 and the state $6, which begins to read the general chat where that chat is
-- now; the form $4, if there is one, made it. No row if the name or the address is taken (users_username_key, users_email_key).
with new_user as (
    insert into users (username, email, password_hash, role, state) values ($1, $2, $3, $5, $6)
    on conflict do nothing
    returning id, created_at
), position as (
    insert into read_positions (user_id, chat_id, read_seq)
    select u.id, c.id, c.last_seq from new_user u, chats c where c.chat_type = 'general'
), act as (
    insert into acts (name, made) select $4::bytea, id from new_user where $4::bytea is not null
)
select id, created_at from new_user

-- The general chat's id. chats_general_key.
select id from chats where chat_type = 'general'

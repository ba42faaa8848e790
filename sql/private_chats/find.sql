-- The private chat of two users. private_chats_user_low_user_high_key.
select chat_id from private_chats where user_low = $1 and user_high = $2

-- Gives up mails that could not be sent for a day. Reads all of them, which are few.
delete from mails where asked_at < now() - interval '1 day'

-- Deletes links that nobody used in time: few, because nobody has more than one of a kind.
delete from links where expires_at < now()

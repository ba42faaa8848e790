-- Deletes invites that are good for nothing any more: few, because only commands make them.
delete from invites where uses_left = 0 or expires_at < now()

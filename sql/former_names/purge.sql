-- Frees the names that were kept long enough: few, because it takes a deleted account to keep one.
delete from former_names where free_at < now()

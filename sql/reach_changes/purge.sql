-- Forgets changes that every node has seen long ago. reach_changes_at_idx.
delete from reach_changes where at < now() - interval '1 hour'

-- Deletes at most $1 acts of more than a day ago: nobody sends a form twice after that. acts_at_idx.
delete from acts where name in (select name from acts where at < now() - interval '1 day' limit $1)

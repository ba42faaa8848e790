-- One folding for names and addresses: ASCII letters are small, everything else is what it is, in every
-- locale (in a Turkish one, lower('I') is not i). Like `text::Folded`.
drop index users_username_key;
create unique index users_username_key on users (lower(username collate "C"));
drop index users_email_key;
create unique index users_email_key on users (lower(email collate "C"));

-- All that names contain, up to three characters long: what a search for part of a name finds it by. The
-- cost is high so that the index is used whatever else the planner expects.
create function name_parts(name text) returns text[]
language plpgsql immutable strict parallel safe cost 10000 as $$
declare
    folded constant text := lower(name collate "C");
    parts text[] := '{}';
begin
    -- At the end they are shorter, and the index leaves out what it has already.
    for place in 1..length(folded) loop
        parts := parts || array[
            substr(folded, place, 1), substr(folded, place, 2), substr(folded, place, 3)
        ];
    end loop;
    return parts;
end
$$;
-- Without a list of pending entries, which each search would have to read.
create index users_name_parts_idx on users using gin (name_parts(username)) with (fastupdate = off);

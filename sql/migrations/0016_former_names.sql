-- Names of users who are gone, folded, until somebody else may have them: what the one before was asked or told
-- by name must not be taken for the next one's.
create table former_names (
    name text primary key,
    free_at timestamptz not null
);

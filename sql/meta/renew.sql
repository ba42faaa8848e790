-- Gives the history another epoch: positions in what it was before mean nothing any more.
update meta set epoch = replace(gen_random_uuid()::text, '-', '')

-- The key by which nodes know each other; the first one stays. bus_key_pkey.
insert into bus_key (key) values ($1) on conflict do nothing

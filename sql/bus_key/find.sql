-- The key by which nodes know each other, if one has made it. bus_key_pkey.
select key from bus_key

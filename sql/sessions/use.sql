-- The sessions $1 were used just now, from the addresses $2; null where it is not known. sessions_pkey.
update sessions s set last_used_at = now(), address = coalesce(u.address, s.address)
from unnest($1::text[], $2::inet[]) as u (id, address)
where s.id = u.id

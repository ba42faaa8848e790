-- Forgets whom somebody denied long ago: nobody repeats it after that. denied_signups_pkey.
delete from denied_signups where denied_at < now() - interval '30 days'

-- From where each sign-in came: an IPv4 address, or the first 64 bits of an IPv6 one, as a number. Not
-- known of older ones, nor of those that were made by command.
alter table sessions add column subnet bigint;

-- The present epoch of the history.
select epoch from meta

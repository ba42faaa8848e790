-- The current epoch of the history.
select epoch from meta

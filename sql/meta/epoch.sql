-- The current epoch of the history, as clients are told it.
select told_epoch() as epoch

-- What the form $1 made; no row if it has done nothing yet. acts_pkey.
select made from acts where name = $1

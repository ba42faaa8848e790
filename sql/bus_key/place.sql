-- Where the nodes of this database meet on a bus.
select bus_place() as place

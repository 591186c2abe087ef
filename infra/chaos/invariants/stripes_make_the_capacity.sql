-- A ticket type has as much to sell as its stripes have, or as there are seats of it; never both.
select t.id || ': ' || t.capacity || ' against ' || c.capacity || ' in ' || c.stripes || ' stripes and ' || s.seats || ' seats' as breach
from ticket_types t
cross join lateral (
    select coalesce(sum(capacity), 0) as capacity, count(*) as stripes from ticket_stock where ticket_type_id = t.id
) c
cross join lateral (select count(*) as seats from seat_stock where ticket_type_id = t.id) s
where t.id > $1 and t.id <= $2
  and case when t.seated then s.seats <> t.capacity or c.stripes > 0
           else c.capacity <> t.capacity or c.stripes <> t.stripes or s.seats > 0 end

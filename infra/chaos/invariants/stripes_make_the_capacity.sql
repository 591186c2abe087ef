-- The stripes of a ticket type make up its capacity; those of seats are one for each, and the type does not count them.
select t.id || ': ' || t.capacity || ' against ' || coalesce(sum(s.capacity), 0) as breach
from ticket_types t left join ticket_stock s on s.ticket_type_id = t.id
where t.id > $1 and t.id <= $2
group by t.id having t.capacity <> coalesce(sum(s.capacity), 0) or (not t.seated and t.stripes <> count(s.stripe))

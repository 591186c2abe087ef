-- What is sold of a ticket type is the number of its tickets that are not void.
select ticket_type_id || ': ' || coalesce(s.sold, 0) || ' against ' || coalesce(t.live, 0) as breach
from (
    select ticket_type_id, sum(sold) as sold from stock
    where ticket_type_id > $1 and ticket_type_id <= $2 group by 1
) s
full join (
    select ticket_type_id, count(*) as live from issued_tickets
    where ticket_type_id > $1 and ticket_type_id <= $2 and status <> 'void' group by 1
) t using (ticket_type_id)
where coalesce(s.sold, 0) <> coalesce(t.live, 0)

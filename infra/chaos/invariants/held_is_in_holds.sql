-- What a stripe says is held is the sum of its holds.
select ticket_type_id || '/' || stripe || ': ' || coalesce(s.held, 0) || ' against ' || coalesce(h.quantity, 0) as breach
from (select * from ticket_stock where ticket_type_id > $1 and ticket_type_id <= $2) s
full join (
    select ticket_type_id, stripe, sum(quantity) as quantity from holds
    where ticket_type_id > $1 and ticket_type_id <= $2 group by 1, 2
) h using (ticket_type_id, stripe)
where coalesce(s.held, 0) <> coalesce(h.quantity, 0)

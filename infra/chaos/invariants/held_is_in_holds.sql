-- What a stripe says is held is the sum of its holds.
select ticket_type_id || '/' || stripe || ': ' || coalesce(s.held, 0) || ' against ' || coalesce(h.quantity, 0) as breach
from ticket_stock s
full join (select ticket_type_id, stripe, sum(quantity) as quantity from holds group by 1, 2) h using (ticket_type_id, stripe)
where coalesce(s.held, 0) <> coalesce(h.quantity, 0)

-- Once the calling off of an event is finished, nobody who paid has a good ticket for it.
select t.code as breach
from issued_tickets t join event_cancellations c on c.event_id = t.event_id
join order_items i on i.id = t.order_item_id join orders o on o.id = i.order_id
where t.id > $1 and t.id <= $2 and c.finished_at is not null and t.status <> 'void' and o.status = 'paid'

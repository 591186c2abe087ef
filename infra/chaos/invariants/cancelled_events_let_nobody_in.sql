-- Once the calling off of an event is finished, nobody who paid has a good ticket for it.
select t.code as breach
from event_cancellations c join issued_tickets t on t.event_id = c.event_id join order_items i on i.id = t.order_item_id
join orders o on o.id = i.order_id
where c.finished_at is not null and t.status <> 'void' and o.status = 'paid'

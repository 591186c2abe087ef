-- No event pays more back for an order than the order paid it.
select order_id || '/' || event_id || ': ' || returned.amount || ' of ' || coalesce(charged.amount, 0) as breach
from (
    select p.order_id, part.event_id, sum(part.amount) as amount
    from payments p join refunds r on r.payment_id = p.id join refund_parts part on part.refund_id = r.id
    where p.order_id > $1 and p.order_id <= $2 and r.status <> 'failed' group by 1, 2
) returned
left join (
    select i.order_id, t.event_id, sum(i.charged) as amount
    from order_items i join ticket_types t on t.id = i.ticket_type_id
    where i.order_id > $1 and i.order_id <= $2 group by 1, 2
) charged using (order_id, event_id)
where returned.amount > coalesce(charged.amount, 0)

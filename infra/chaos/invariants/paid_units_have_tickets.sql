-- A line of a paid order has a good ticket for each unit that was not taken back; a line of any other order has none.
select o.code || ' (' || o.status || '): ' || i.live || ' good tickets for ' || i.quantity || ' units, '
       || i.taken_back || ' taken back' as breach
from orders o join (
    select i.order_id, i.quantity,
           (select count(*) from issued_tickets t where t.order_item_id = i.id and t.status <> 'void') as live,
           (select count(*) from refund_tickets r join issued_tickets t on t.id = r.ticket_id where t.order_item_id = i.id)
               as taken_back
    from order_items i where i.order_id > $1 and i.order_id <= $2
) i on i.order_id = o.id
where i.live <> case when o.status = 'paid' then i.quantity - i.taken_back else 0 end

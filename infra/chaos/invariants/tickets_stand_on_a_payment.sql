-- A good ticket stands on a payment that went well.
select t.code || ': ' || coalesce(p.status, 'no payment') as breach
from issued_tickets t join order_items i on i.id = t.order_item_id left join payments p on p.order_id = i.order_id
where t.id > $1 and t.id <= $2 and t.status <> 'void' and coalesce(p.status, '') not in ('success', 'partially_refunded')

-- Stock is held for orders that wait for their payment, and for no others.
select o.code || ' (' || o.status || ')' as breach
from holds h join order_items i on i.id = h.order_item_id join orders o on o.id = i.order_id where o.status <> 'pending'

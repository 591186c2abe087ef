-- Stock is held for orders that wait for their payment, and for no others.
select o.code || ' (' || o.status || ')' as breach
from (select order_item_id from holds union select holder_id from seat_stock where holder_is_order) h
join order_items i on i.id = h.order_item_id join orders o on o.id = i.order_id where o.status <> 'pending'

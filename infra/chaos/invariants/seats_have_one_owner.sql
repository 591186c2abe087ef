-- A seat that is sold has one ticket that is not void, any other has none, and who holds a seat is there and wants such a ticket.
select k.ticket_type_id || '/' || k.number || ': ' || case when k.sold then 'sold' else 'not sold' end || ', ' || t.live
    || ' tickets, held by ' || coalesce(case when k.holder_is_order then 'order line ' else 'cart row ' end || k.holder_id, 'nobody') as breach
from seat_stock k
cross join lateral (
    select count(*) as live from issued_tickets t
    where t.ticket_type_id = k.ticket_type_id and t.seat = k.number and t.status <> 'void'
) t
where k.ticket_type_id > $1 and k.ticket_type_id <= $2
  and (k.sold::int <> t.live
    or k.holder_id is not null and not exists (
        select from cart_items c
        where c.id = k.holder_id and c.ticket_type_id = k.ticket_type_id and not k.holder_is_order
        union all
        select from order_items i where i.id = k.holder_id and i.ticket_type_id = k.ticket_type_id and k.holder_is_order))

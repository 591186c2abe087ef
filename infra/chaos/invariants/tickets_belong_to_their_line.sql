-- A ticket is of the type and one of the units of the line that paid for it; the buyer has it, or whoever accepted it last.
select t.code as breach
from issued_tickets t join order_items i on i.id = t.order_item_id join orders o on o.id = i.order_id
where t.id > $1 and t.id <= $2
  and (t.holder_id <> coalesce((select h.to_id from handovers h where h.ticket_id = t.id and h.status = 'accepted'
                                order by h.decided_at desc, h.id desc limit 1), o.user_id)
       or t.ticket_type_id <> i.ticket_type_id or t.unit > i.quantity)

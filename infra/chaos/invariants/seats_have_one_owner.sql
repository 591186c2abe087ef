-- A seat that is sold has one ticket that is not void, a seat that is held has one hold, and any other seat has neither.
select s.ticket_type_id || '/' || s.number || ': ' || k.held || ' held, ' || k.sold || ' sold, ' || h.holds || ' holds, '
    || t.live || ' tickets' as breach
from seats s
join ticket_stock k on k.ticket_type_id = s.ticket_type_id and k.stripe = s.number
cross join lateral (
    select count(*) as holds from holds h where h.ticket_type_id = s.ticket_type_id and h.stripe = s.number and h.is_seat
) h
cross join lateral (
    select count(*) as live from issued_tickets t
    where t.ticket_type_id = s.ticket_type_id and t.seat = s.number and t.status <> 'void'
) t
where s.ticket_type_id > $1 and s.ticket_type_id <= $2
  and (k.capacity <> 1 or k.held + k.sold > 1 or k.held <> h.holds or k.sold <> t.live)

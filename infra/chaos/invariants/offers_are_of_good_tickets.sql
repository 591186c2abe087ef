-- Who offers a ticket holds it, and it lets somebody in.
select t.code || ': ' || t.status as breach
from handovers h join issued_tickets t on t.id = h.ticket_id
where h.status = 'open' and t.id > $1 and t.id <= $2 and (t.status <> 'valid' or t.holder_id <> h.from_id)

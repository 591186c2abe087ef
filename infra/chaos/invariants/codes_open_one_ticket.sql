-- A code that a ticket had before is no ticket's now, and each ticket that was passed on has lost the code of before.
select t.code || ' was retired' as breach
from issued_tickets t where t.id > $1 and t.id <= $2 and exists (select from retired_codes r where r.code = t.code)
union all
select t.code || ' was not renewed by ' || h.id
from handovers h join issued_tickets t on t.id = h.ticket_id
where t.id > $1 and t.id <= $2 and h.status = 'accepted'
  and not exists (select from retired_codes r where r.handover_id = h.id and r.ticket_id = t.id)

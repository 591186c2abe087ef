-- Nobody waits in a line that is over, and no offer outlives its time, by more than what sweeps may take.
select 'entry ' || w.id || ' waits for nothing' as breach
from waiting_entries w join ticket_types t on t.id = w.ticket_type_id join events e on e.id = t.event_id
where w.status = 'waiting'
  and (t.waiting_list = 'off' and t.updated_at < now() - interval '15 minutes'
       or coalesce(t.sales_end, e.date) < now() - interval '15 minutes'
       or e.status in ('cancelled', 'ended') and e.updated_at < now() - interval '15 minutes')
union all
select 'offer ' || w.id || ' until ' || w.offered_until
from waiting_entries w where w.status = 'offered' and w.offered_until < now() - interval '15 minutes'

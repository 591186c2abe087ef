-- No hold outlives its time by more than what sweeps and a gateway that is away may take.
select h.id || ': until ' || h.expires_at as breach from holds h where h.expires_at < now() - interval '15 minutes'
union all
select 'seat ' || ticket_type_id || '/' || number || ': until ' || held_until
from seat_stock where held_until < now() - interval '15 minutes'

-- No more is given back or promised than was paid.
select p.id || ': ' || sum(r.amount) || ' of ' || coalesce(p.received, p.amount) as breach
from payments p join refunds r on r.payment_id = p.id
where p.id > $1 and p.id <= $2 and r.status <> 'failed' group by p.id having sum(r.amount) > coalesce(p.received, p.amount)

-- What was paid too late is on its way back, all of it.
select o.code || ': ' || coalesce(sum(r.amount), 0) || ' of ' || p.amount as breach
from orders o join payments p on p.order_id = o.id left join refunds r on r.payment_id = p.id and r.status <> 'failed'
where o.id > $1 and o.id <= $2 and o.status = 'refund_due'
group by o.id, p.id having coalesce(sum(r.amount), 0) <> p.amount

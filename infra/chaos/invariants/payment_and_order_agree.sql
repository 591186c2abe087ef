-- A payment that went well has a paid order, or one whose money is on its way back; and the other way round.
select o.code || ': order ' || o.status || ', payment ' || coalesce(p.status, 'none') as breach
from orders o left join payments p on p.order_id = o.id
where o.id > $1 and o.id <= $2 and (
    (o.status in ('paid', 'refund_due') and coalesce(p.status, '') not in ('success', 'partially_refunded'))
    or (p.status in ('success', 'partially_refunded') and o.status not in ('paid', 'refund_due'))
    or (p.status = 'refunded' and o.status <> 'refunded')
    or (p.status in ('chargeback', 'conflicted') and o.status <> 'disputed'))

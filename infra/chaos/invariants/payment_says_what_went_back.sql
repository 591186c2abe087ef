-- A payment is refunded when all that came in went back, and partially when some did.
select p.id || ' (' || p.status || '): ' || coalesce(r.back, 0) || ' of ' || coalesce(p.received, p.amount) as breach
from payments p left join (
    select payment_id, sum(amount) as back from refunds
    where payment_id > $1 and payment_id <= $2 and status in ('succeeded', 'done') group by 1
) r on r.payment_id = p.id
where p.id > $1 and p.id <= $2 and p.amount > 0
  and ((p.status = 'success' and coalesce(r.back, 0) > 0)
    or (p.status = 'partially_refunded' and coalesce(r.back, 0) >= p.amount)
    or (p.status = 'refunded' and coalesce(r.back, 0) <> coalesce(p.received, p.amount))
    or (p.status = 'conflicted' and coalesce(r.back, 0) > 0 and r.back >= coalesce(p.received, 0)
        and not exists (
            select 1 from payment_transactions t
            where t.payment_id = p.id and t.rupiah is null and t.status in ('captured', 'paid', 'partially_refunded'))))

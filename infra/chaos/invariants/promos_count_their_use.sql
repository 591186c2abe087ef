-- A code counts the orders that use it up, and orders that came to nothing do not.
select p.code || ': ' || p.redeemed || ' counted, ' || count(r.order_id) filter (where r.status = 'taken') || ' taken' as breach
from promo_codes p left join promo_redemptions r on r.promo_id = p.id
where p.id > $1 and p.id <= $2
group by p.id having p.redeemed <> count(r.order_id) filter (where r.status = 'taken')
union all
select o.code || ' (' || o.status || ') uses a code' from promo_redemptions r join orders o on o.id = r.order_id
where r.promo_id > $1 and r.promo_id <= $2 and r.status = 'taken' and o.status in ('expired', 'cancelled')

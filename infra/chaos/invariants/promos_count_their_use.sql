-- A code counts the orders that use it up, and orders that came to nothing do not.
select p.code || ': ' || p.redeemed || ' counted, ' || count(r.order_id) filter (where r.status = 'taken') || ' taken' as breach
from promo_codes p left join promo_redemptions r on r.promo_id = p.id
group by p.id having p.redeemed <> count(r.order_id) filter (where r.status = 'taken')
union all
select o.code || ' (' || o.status || ') uses a code' from promo_redemptions r join orders o on o.id = r.order_id
where r.status = 'taken' and o.status in ('expired', 'cancelled')

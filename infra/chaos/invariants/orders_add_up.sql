-- An order is charged what its lines are charged, and that is what its payment asks for.
select o.code as breach
from orders o join order_items i on i.order_id = o.id left join payments p on p.order_id = o.id
where o.id > $1 and o.id <= $2
group by o.id, p.id
having o.subtotal <> sum(i.unit_price * i.quantity) or o.discount <> sum(i.discount) or o.fee <> sum(i.fee)
    or o.tax <> sum(i.tax) or o.total <> sum(i.charged) or p.amount <> o.total

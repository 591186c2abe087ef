-- Every step of a payment begins where the last one ended, and it stands where its last step led.
select payment_id || ': ' || from_status || ' after ' || last as breach from (
    select payment_id, from_status, lag(to_status, 1, 'pending') over (partition by payment_id order by id) as last
    from payment_transitions where payment_id > $1 and payment_id <= $2) steps
where from_status <> last
union all
select p.id || ': ' || p.status || ' against ' || coalesce(t.to_status, 'pending')
from payments p left join lateral (
    select to_status from payment_transitions where payment_id = p.id order by id desc limit 1) t on true
where p.id > $1 and p.id <= $2 and p.status <> coalesce(t.to_status, 'pending')

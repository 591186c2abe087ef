-- The events pay a refund exactly, or nobody does because nobody earned the money.
select r.id || ': ' || r.amount || ' against ' || sum(part.amount) as breach
from refunds r join refund_parts part on part.refund_id = r.id
where r.id > $1 and r.id <= $2 group by r.id having sum(part.amount) <> r.amount
union all
select r.id || ': nobody pays' from refunds r
where r.id > $1 and r.id <= $2 and r.cause in ('request', 'event_cancelled') and r.amount > 0
  and not exists (select 1 from refund_parts part where part.refund_id = r.id)

-- A payment by transfer went well because somebody found the transfer, and for no other reason; what came in stands in the books where
-- it came in.
select p.id || ' (' || p.method || ', ' || p.status || '): '
       || case when t.payment_id is null then 'no transfer' when t.reference is null then 'not confirmed' else t.reference end as breach
from payments p left join transfers t on t.payment_id = p.id
where p.id > $1 and p.id <= $2 and (
    (p.method = 'manual_transfer') <> (t.payment_id is not null)
    or (p.method = 'manual_transfer'
        and (t.confirmed_at is not null) <> (p.status in ('success', 'partially_refunded', 'refunded'))))
union all
select p.id || ' (' || p.method || '): in account ' || e.account
from payments p join ledger_postings l on l.payment_id = p.id join ledger_entries e on e.posting_id = l.id
where p.id > $1 and p.id <= $2 and l.kind = 'charge' and e.debit > 0
  and e.account <> case p.method when 'manual_transfer' then 'bank' else 'gateway' end

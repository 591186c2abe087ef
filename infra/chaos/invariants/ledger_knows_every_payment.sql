-- What the accounts of a payment have is what was paid and did not go back; nobody has less than nothing of it. What
-- came in in wrong amounts is what the transactions took that no bank took back.
select p.id || ' (' || p.status || '): ' || coalesce(b.amount, 0) || ' in the books' as breach
from payments p
left join (
    select l.payment_id, sum(e.credit - e.debit) as amount
    from ledger_postings l join ledger_entries e on e.posting_id = l.id
    where l.payment_id > $1 and l.payment_id <= $2 and e.account not in ('gateway', 'bank') group by 1
) b on b.payment_id = p.id
left join (
    select payment_id, sum(amount) as back from refunds
    where payment_id > $1 and payment_id <= $2 and status in ('succeeded', 'done') group by 1
) r on r.payment_id = p.id
where p.id > $1 and p.id <= $2 and coalesce(b.amount, 0)
    <> case when p.status in ('success', 'partially_refunded') then p.amount - coalesce(r.back, 0)
            when p.status = 'conflicted' then coalesce(p.received, 0) - coalesce(r.back, 0) else 0 end
union all
select l.payment_id || ': ' || e.account || ' has ' || sum(e.credit - e.debit)
from ledger_postings l join ledger_entries e on e.posting_id = l.id
where l.payment_id > $1 and l.payment_id <= $2 and e.account not in ('gateway', 'bank')
group by l.payment_id, e.account, e.event_id having sum(e.credit - e.debit) < 0
union all
select p.id || ': received ' || p.received || ' of ' || taken.amount
from payments p cross join lateral (
    select coalesce(sum(t.rupiah) filter (where t.status <> 'reversed'), sum(t.rupiah)) as amount,
           bool_or(t.rupiah is null) as is_untold
    from payment_transactions t
    where t.payment_id = p.id and t.status in ('captured', 'paid', 'partially_refunded', 'refunded', 'reversed')
) taken
where p.id > $1 and p.id <= $2 and p.received is not null and not taken.is_untold and p.received <> taken.amount

-- Money that went back is in the books once, with its amount; money that did not is not.
select r.id || ' (' || r.status || '): ' || r.amount || ' against ' || coalesce(sum(e.credit), 0) as breach
from refunds r left join ledger_postings l on l.refund_id = r.id
left join ledger_entries e on e.posting_id = l.id and e.account in ('gateway', 'bank')
where r.id > $1 and r.id <= $2
group by r.id
having coalesce(sum(e.credit), 0) <> case when r.status in ('succeeded', 'done') then r.amount else 0 end

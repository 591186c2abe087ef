-- Every posting takes as much as it gives, and has entries.
select l.id || ': ' || coalesce(sum(e.debit), 0) || ' against ' || coalesce(sum(e.credit), 0) as breach
from ledger_postings l left join ledger_entries e on e.posting_id = l.id
where l.id > $1 and l.id <= $2
group by l.id having coalesce(sum(e.debit), 0) <> coalesce(sum(e.credit), 0) or count(e.id) = 0

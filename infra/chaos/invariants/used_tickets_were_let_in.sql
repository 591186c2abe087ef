-- A ticket is used if a scan let somebody in with it since that was last undone, and by the first of those
-- scans. Scans of a code of before it was passed on do not count.
select t.code || ': ' || t.status || ' by scan ' || coalesce(t.used_scan::text, 'none') || ', not '
       || coalesce(f.id::text, 'none') as breach
from issued_tickets t left join lateral (
    select c.id from check_ins c
    where c.ticket_id = t.id and c.let_in and c.reason is distinct from 'transferred'
      and c.scanned_at > coalesce((select max(u.at) from check_in_undos u where u.ticket_id = t.id), '-infinity')
    order by c.scanned_at, c.device, c.scan_id limit 1
) f on true
where t.id > $1 and t.id <= $2 and t.status <> 'void'
  and (t.used_scan is distinct from f.id or (t.status = 'used') <> (f.id is not null))

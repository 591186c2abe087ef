-- A ticket that a refund took back opens no gate.
select t.code as breach from refund_tickets r join issued_tickets t on t.id = r.ticket_id
where r.refund_id > $1 and r.refund_id <= $2 and t.status <> 'void'

-- Whoever has to give money back tries again in time: no refund waits for an attempt that is long overdue.
select id || ': since ' || next_try_at as breach from refunds
where status = 'requested' and next_try_at < now() - interval '30 minutes'

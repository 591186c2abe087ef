-- Once money came in, a payment only moves towards its return, unless more comes in in a wrong amount.
select payment_id || ': ' || from_status || ' to ' || to_status as breach from payment_transitions
where payment_id > $1 and payment_id <= $2 and (
    (from_status in ('success', 'partially_refunded', 'refunded', 'chargeback', 'conflicted')
     and to_status not in ('success', 'partially_refunded', 'refunded', 'chargeback', 'conflicted'))
    or (from_status in ('partially_refunded', 'refunded', 'chargeback') and to_status = 'success')
    or (from_status = 'refunded' and to_status not in ('chargeback', 'conflicted'))
    or (from_status = 'conflicted' and to_status not in ('refunded', 'chargeback'))
    or (from_status = 'chargeback' and to_status <> 'conflicted'))

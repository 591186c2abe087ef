-- When the gateway is asked next what became of a payment, whether or not it notified us; null: nothing is left to ask.
alter table payments add column next_check_at timestamptz;
-- When a reader of the payment last had the gateway asked.
alter table payments add column polled_at timestamptz;

update payments set next_check_at = payment_date
where status in ('pending', 'challenge', 'failed', 'expired', 'cancelled') and payment_date > now() - interval '1 day';

create index payments_check_idx on payments (next_check_at, id)
where next_check_at is not null and status in ('pending', 'challenge', 'failed', 'expired', 'cancelled');
-- The list of all payments, newest first.
create index payments_date_idx on payments (payment_date desc, id desc);

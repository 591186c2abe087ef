-- Whether more than one transaction of the gateway holds what was asked. One of them has to be given back there, by people.
alter table payments add column paid_twice boolean not null default false;
create index payments_paid_twice_idx on payments (id) where paid_twice;
update payments p set paid_twice = true
where p.received is null and p.status <> 'conflicted' and (
    select count(*) from payment_transactions t
    where t.payment_id = p.id and t.status in ('captured', 'paid', 'partially_refunded')) > 1;

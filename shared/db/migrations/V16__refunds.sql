-- A card payment is captured first and settles a day later; until then it is cancelled rather than refunded.
alter table payment_transactions drop constraint payment_transactions_status_check;
alter table payment_transactions add constraint payment_transactions_status_check
    check (status in ('pending', 'authorized', 'challenged', 'denied', 'expired', 'cancelled', 'failed', 'captured', 'paid',
                      'partially_refunded', 'refunded', 'reversed'));

-- How many hours before an event its buyers may still give tickets back by themselves; null if they may not.
alter table events add column refund_hours int check (refund_hours between 0 and 8760);

-- Money on its way back. The row is written before the gateway is asked, and its key makes the gateway do it once, however
-- often it is asked. `failed` ones gave nothing back and never will: the money went another way.
create table refunds (
    id           bigint generated always as identity primary key,
    payment_id   bigint      not null references payments (id),
    key          text        not null check (key ~ '^[A-Za-z0-9_-]{1,100}$'),
    amount       bigint      not null check (amount >= 0),
    reason       text        not null,
    cause        text        not null check (cause in ('request', 'late_payment', 'event_cancelled', 'gateway')),
    event_id     bigint      references events (id),
    asked_by     bigint      references users (id),
    status       text        not null check (status in ('requested', 'manual', 'succeeded', 'done', 'failed')),
    attempts     int         not null default 0,
    first_try_at timestamptz,
    next_try_at  timestamptz,
    last_error   text,
    reference    text,
    closed_by    bigint      references users (id),
    created_at   timestamptz not null,
    updated_at   timestamptz not null,
    finished_at  timestamptz,
    unique (payment_id, key),
    check ((cause = 'event_cancelled') = (event_id is not null)),
    check ((status = 'requested') = (next_try_at is not null)),
    check ((status in ('succeeded', 'done', 'failed')) = (finished_at is not null)),
    check ((status = 'done') = (reference is not null))
);
create index refunds_due_idx on refunds (next_try_at) where status = 'requested';
create index refunds_status_idx on refunds (status, id);
create index refunds_event_idx on refunds (event_id, status) where event_id is not null;
-- An order loses its tickets of a cancelled event once.
create unique index refunds_cancellation_idx on refunds (payment_id, event_id) where event_id is not null;

-- The tickets that a refund takes back. A ticket is taken back once.
create table refund_tickets (
    refund_id bigint not null references refunds (id),
    ticket_id bigint not null unique references issued_tickets (id),
    primary key (refund_id, ticket_id)
);

-- Of which event's takings a refund is paid. Nobody's, if the money came for what could not be given any more.
create table refund_parts (
    refund_id bigint not null references refunds (id),
    event_id  bigint not null references events (id),
    amount    bigint not null check (amount > 0),
    primary key (refund_id, event_id)
);
create index refund_parts_event_idx on refund_parts (event_id, refund_id);

-- The calling off of an event: its orders are worked off afterwards, and this row says how far that is.
create table event_cancellations (
    event_id    bigint      primary key references events (id),
    started_by  bigint      not null references users (id),
    started_at  timestamptz not null,
    finished_at timestamptz
);
create index event_cancellations_open_idx on event_cancellations (started_at) where finished_at is null;

-- Double entry. A posting is one move of money; its entries add up to nothing. Accounts: `gateway` (what the gateway owes
-- us), `bank` (what people transferred by hand), `organizer` (what an event's organizer gets), `fees`, `tax`, and `unearned`
-- (money that came for what could not be given).
create table ledger_postings (
    id         bigint generated always as identity primary key,
    kind       text        not null check (kind in ('charge', 'refund', 'reversal')),
    payment_id bigint      not null references payments (id),
    refund_id  bigint      unique references refunds (id),
    at         timestamptz not null,
    check ((kind = 'refund') = (refund_id is not null))
);
create unique index ledger_postings_once_idx on ledger_postings (payment_id, kind) where kind <> 'refund';
create index ledger_postings_payment_idx on ledger_postings (payment_id);

create table ledger_entries (
    id         bigint generated always as identity primary key,
    posting_id bigint not null references ledger_postings (id),
    account    text   not null check (account in ('gateway', 'bank', 'organizer', 'fees', 'tax', 'unearned')),
    event_id   bigint references events (id),
    debit      bigint not null default 0 check (debit >= 0),
    credit     bigint not null default 0 check (credit >= 0),
    check ((debit = 0) <> (credit = 0)),
    check ((account in ('organizer', 'fees', 'tax')) = (event_id is not null))
);
create index ledger_entries_posting_idx on ledger_entries (posting_id);
create index ledger_entries_event_idx on ledger_entries (event_id, account) where event_id is not null;

create function ledger_stays() returns trigger language plpgsql as $$
begin
    raise exception 'the ledger is append only' using errcode = 'insufficient_privilege';
end
$$;
create trigger ledger_postings_stay before update or delete or truncate on ledger_postings
    for each statement execute function ledger_stays();
create trigger ledger_entries_stay before update or delete or truncate on ledger_entries
    for each statement execute function ledger_stays();

create function ledger_balances() returns trigger language plpgsql as $$
begin
    if exists (select 1 from added group by posting_id having sum(debit) <> sum(credit)) then
        raise exception 'a posting does not balance' using errcode = 'check_violation';
    end if;
    return null;
end
$$;
create trigger ledger_entries_balance after insert on ledger_entries referencing new table as added
    for each statement execute function ledger_balances();

-- What was paid before there was a ledger. What went back before counts as never having come.
insert into ledger_postings (kind, payment_id, at)
select 'charge', p.id, coalesce(p.settled_at, p.updated_at) from payments p join orders o on o.id = p.order_id
where p.status in ('success', 'partially_refunded') and p.amount > 0 and o.status in ('paid', 'refund_due');
insert into ledger_entries (posting_id, account, event_id, debit, credit)
select l.id, e.account, e.event_id, e.debit, e.credit
from ledger_postings l join payments p on p.id = l.payment_id join orders o on o.id = p.order_id
cross join lateral (
    select 'gateway' as account, null::bigint as event_id, p.amount as debit, 0 as credit
    union all
    select 'unearned', null, 0, p.amount where o.status = 'refund_due'
    union all
    select part.account, t.event_id, 0, sum(part.amount)
    from order_items i join ticket_types t on t.id = i.ticket_type_id
    cross join lateral (values ('organizer', i.unit_price * i.quantity - i.discount), ('fees', i.fee), ('tax', i.tax))
        as part (account, amount)
    where i.order_id = o.id and o.status = 'paid' group by 1, 2
) e
where e.debit + e.credit > 0;

alter table outbox drop constraint outbox_queue_check;
alter table outbox add constraint outbox_queue_check
    check (queue in ('payment-notifications', 'mail', 'media', 'refunds'));
alter table audit_log drop constraint audit_log_subject_kind_check;
alter table audit_log add constraint audit_log_subject_kind_check
    check (subject_kind in ('event', 'ticket_type', 'category', 'user', 'payment', 'promo', 'promo_campaign'));

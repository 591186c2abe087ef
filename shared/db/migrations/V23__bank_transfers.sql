-- How a payment is made. What people transfer to an organizer's account the gateway never hears of.
alter table payments add column method text not null default 'midtrans' check (method in ('midtrans', 'manual_transfer'));
-- What came in at the gateway in another amount than was asked, in rupiah; null if nothing did, or it is not in rupiah.
alter table payments add column received bigint check (received >= 0);
alter table payment_transactions add column rupiah bigint check (rupiah >= 0);

-- Orders that wait for a transfer: few, and looked for when their event is called off.
create index payments_transfers_idx on payments (order_id) where method = 'manual_transfer' and status = 'pending';

-- The account to which the tickets of an event may be paid.
create table transfer_accounts (
    event_id       bigint      primary key references events (id) on delete cascade,
    enabled        boolean     not null,
    bank           text        not null check (length(bank) between 1 and 60),
    account_number text        not null check (account_number ~ '^[0-9]{5,20}$'),
    account_holder text        not null check (length(account_holder) between 1 and 100),
    hours          int         not null check (hours between 1 and 168),
    created_at     timestamptz not null,
    updated_at     timestamptz not null
);

-- A transfer that is waited for, or was confirmed. It keeps the account that the buyer was told. One transfer confirms one payment.
create table transfers (
    payment_id     bigint      primary key references payments (id),
    organizer_id   bigint      not null references users (id),
    bank           text        not null,
    account_number text        not null,
    account_holder text        not null,
    expires_at     timestamptz not null,
    reference      text,
    confirmed_by   bigint      references users (id),
    confirmed_at   timestamptz,
    created_at     timestamptz not null,
    check (num_nonnulls(reference, confirmed_by, confirmed_at) in (0, 3))
);
create index transfers_organizer_idx on transfers (organizer_id, expires_at);
create unique index transfers_reference_key on transfers (bank, account_number, reference);

alter table refunds drop constraint refunds_cause_check;
alter table refunds add constraint refunds_cause_check
    check (cause in ('request', 'late_payment', 'event_cancelled', 'gateway', 'wrong_amount'));

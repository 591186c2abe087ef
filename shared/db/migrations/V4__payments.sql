-- One payment per order. It is written before the gateway is called, so a charge without a row cannot exist.
create table payments (
    id                bigint generated always as identity primary key,
    order_id          bigint      not null unique references orders (id),
    user_id           bigint      not null references users (id),
    amount            bigint      not null check (amount >= 0),
    original_amount   bigint      not null check (original_amount >= 0),
    discount          bigint      not null default 0 check (discount >= 0),
    status            text        not null default 'pending'
                      check (status in ('pending', 'challenge', 'success', 'failed', 'expired', 'cancelled',
                                        'partially_refunded', 'refunded', 'chargeback', 'conflicted')),
    transaction_token text,
    redirect_url      text,
    -- Whoever asks the gateway for a token holds this lease, so that two clicks do not make two pages.
    opening_until     timestamptz,
    payment_date      timestamptz not null,
    settled_at        timestamptz,
    created_at        timestamptz not null,
    updated_at        timestamptz not null,
    check (amount = original_amount - discount)
);
create index payments_user_idx on payments (user_id, payment_date desc, id desc);

-- What the gateway tells of each of its transactions; a payment may see several (a card denied, then another paid).
create table payment_transactions (
    payment_id     bigint      not null references payments (id),
    transaction_id text        not null,
    status         text        not null
                   check (status in ('pending', 'authorized', 'challenged', 'denied', 'expired', 'cancelled', 'failed',
                                     'paid', 'partially_refunded', 'refunded', 'reversed')),
    amount_matches boolean     not null,
    gross_amount   text        not null,
    payment_type   text,
    created_at     timestamptz not null,
    updated_at     timestamptz not null,
    primary key (payment_id, transaction_id)
);

-- Every notification that carried a true signature, as it came. A repetition of the same content is counted, not stored.
create table payment_notifications (
    fingerprint        bytea       primary key,
    order_code         text        not null,
    transaction_id     text,
    transaction_status text        not null,
    status_code        text        not null,
    body               text        not null,
    deliveries         int         not null default 1,
    received_at        timestamptz not null,
    last_received_at   timestamptz not null
);
create index payment_notifications_order_idx on payment_notifications (order_code);

-- Every change of a payment's status, append only.
create table payment_transitions (
    id         bigint generated always as identity primary key,
    payment_id bigint      not null references payments (id),
    from_status text       not null,
    to_status  text        not null,
    cause      text        not null,
    at         timestamptz not null
);
create index payment_transitions_payment_idx on payment_transitions (payment_id, id);

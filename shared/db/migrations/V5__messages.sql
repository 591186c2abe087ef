-- What has to leave the database: written with its cause, published to its queue after the commit, swept if missed.
create table outbox (
    id           text        primary key check (id ~ '^[0-9a-f]{32}$'),
    queue        text        not null check (queue in ('payment-notifications', 'mail')),
    body         text        not null,
    created_at   timestamptz not null,
    published_at timestamptz
);
create index outbox_waiting_idx on outbox (created_at) where published_at is null;

-- Mails that were sent or are being sent, by the id of their message: the mail service has no idempotency of its own.
-- A mail that will never go (refused for good, or overtaken by events) is dropped, with the reason.
create table mail_log (
    message_id   text        primary key,
    kind         text        not null,
    lease_until  timestamptz,
    sent_at      timestamptz,
    provider_id  text,
    dropped_at   timestamptz,
    reason       text,
    attempts     int         not null default 1,
    created_at   timestamptz not null,
    check (sent_at is null or dropped_at is null),
    check ((dropped_at is null) = (reason is null))
);

-- Answers to requests that carried an Idempotency-Key, kept for 24 hours. The row commits with the effect.
create table idempotency_keys (
    scope        text        not null,
    key          text        not null check (length(key) between 1 and 255),
    request_hash bytea       not null,
    status       int,
    body         text,
    created_at   timestamptz not null,
    primary key (scope, key)
);
create index idempotency_keys_age_idx on idempotency_keys (created_at);

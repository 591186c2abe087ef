-- Where organizers' own systems are told what happened. The secrets are kept as they are, because they sign.
create table webhook_endpoints (
    id               bigint generated always as identity primary key,
    owner_id         bigint      not null references users (id) on delete cascade,
    url              text        not null check (length(url) between 1 and 2000),
    description      text        not null check (length(description) <= 200),
    events           text[]      not null check (
        cardinality(events) > 0 and events <@ array['order.paid', 'order.expired', 'order.refunded', 'order.disputed',
            'event.published', 'event.unpublished', 'event.updated', 'event.cancelled']
    ),
    secret           bytea       not null check (length(secret) = 32),
    -- The one before it, which signs, too, for a while.
    old_secret       bytea       check (length(old_secret) = 32),
    old_secret_until timestamptz,
    -- Failures since the last success, and when the first of them was.
    failures         int         not null default 0 check (failures >= 0),
    failing_since    timestamptz,
    -- It is left alone until then.
    rest_until       timestamptz,
    disabled_at      timestamptz,
    disabled_reason  text        check (disabled_reason in ('owner', 'failing', 'gone')),
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    unique (owner_id, url),
    check ((old_secret is null) = (old_secret_until is null)),
    check ((failures = 0) = (failing_since is null)),
    check ((disabled_at is null) = (disabled_reason is null))
);

-- A message to one endpoint: written with what it tells of, as the bytes that are signed and sent.
create table webhook_deliveries (
    id               bigint generated always as identity primary key,
    endpoint_id      bigint      not null references webhook_endpoints (id) on delete cascade,
    -- The receiver knows repetitions by it.
    message_id       text        not null check (length(message_id) between 1 and 64),
    event            text        not null,
    payload          text        not null,
    state            text        not null check (state in ('pending', 'delivered', 'failed')),
    -- Tries since it was made or last replayed, and in all: the latter tells one try from another.
    tries            int         not null default 0 check (tries >= 0),
    attempts         int         not null default 0 check (attempts >= tries),
    -- Not to be tried before.
    due_at           timestamptz,
    -- Somebody was told that it is due, and need not be told again before.
    announced_until  timestamptz,
    last_try_at      timestamptz,
    last_status      int,
    last_duration_ms int,
    last_error       text        check (length(last_error) <= 200),
    last_body        text        check (length(last_body) <= 1000),
    created_at       timestamptz not null,
    finished_at      timestamptz,
    unique (endpoint_id, message_id),
    check ((state = 'pending') = (due_at is not null)),
    check ((state = 'pending') = (finished_at is null))
);
create index webhook_deliveries_due_idx on webhook_deliveries (due_at) where state = 'pending';
create index webhook_deliveries_list_idx on webhook_deliveries (endpoint_id, id);
create index webhook_deliveries_old_idx on webhook_deliveries (finished_at) where state <> 'pending';

alter table outbox drop constraint outbox_queue_check;
alter table outbox add constraint outbox_queue_check
    check (queue in ('payment-notifications', 'mail', 'media', 'refunds', 'webhooks'));
alter table audit_log drop constraint audit_log_subject_kind_check;
alter table audit_log add constraint audit_log_subject_kind_check
    check (subject_kind in ('event', 'ticket_type', 'category', 'user', 'payment', 'promo', 'promo_campaign', 'notification',
                            'review', 'webhook'));
alter table api_keys drop constraint api_keys_scopes_check;
alter table api_keys add constraint api_keys_scopes_check check (
    cardinality(scopes) > 0
    and scopes <@ array['events:read', 'events:write', 'tickets:write', 'tickets:check', 'webhooks:write', 'reports:read']
);

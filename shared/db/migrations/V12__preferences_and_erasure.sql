-- What people want to be told, and in which language. Who has no row has what the columns say here; the language of mails is
-- the fleet's then. Mails about what somebody bought cannot be switched off, so there is no column for them.
create table preferences (
    user_id         bigint      primary key references users (id) on delete cascade,
    language        text        check (language in ('id', 'en')),
    mail_promotions boolean     not null default false,
    mail_reminders  boolean     not null default true,
    push_promotions boolean     not null default false,
    push_reminders  boolean     not null default true,
    push_orders     boolean     not null default true,
    updated_at      timestamptz not null
);

-- Categories whose new events somebody wants to hear of.
create table followed_categories (
    user_id     bigint      not null references users (id) on delete cascade,
    category_id bigint      not null references categories (id) on delete cascade,
    created_at  timestamptz not null,
    primary key (user_id, category_id)
);
create index followed_categories_category_idx on followed_categories (category_id);

-- Whose request it was: what was answered to people whose data are erased is erased, too. No foreign key: the rows live for
-- a day, and one less lookup is made by every purchase.
alter table idempotency_keys add column user_id bigint;
update idempotency_keys set user_id = split_part(scope, ' ', 2)::bigint;
create index idempotency_keys_user_idx on idempotency_keys (user_id);

-- Mails that name their recipient are found by the address.
create index outbox_recipient_idx on outbox (lower(body::jsonb -> 'body' ->> 'to')) where queue = 'mail';

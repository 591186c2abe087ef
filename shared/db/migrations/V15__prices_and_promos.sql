-- What an organizer adds to the price of an event's tickets: rupiah per ticket that costs something, and a tax in hundredths
-- of a percent on price and fee.
alter table events add column service_fee bigint not null default 0 check (service_fee between 0 and 1000000);
alter table events add column tax_rate int not null default 0 check (tax_rate between 0 and 5000);

-- What a line is charged is computed by the database, so that no program can write another sum.
alter table order_items add column discount bigint not null default 0 check (discount >= 0);
alter table order_items add column fee bigint not null default 0 check (fee >= 0);
alter table order_items add column tax bigint not null default 0 check (tax >= 0);
alter table order_items add column charged bigint not null
    generated always as (unit_price * quantity - discount + fee + tax) stored;
alter table order_items add constraint order_items_discount_within_price check (discount <= unit_price * quantity);

alter table orders add column fee bigint not null default 0 check (fee >= 0);
alter table orders add column tax bigint not null default 0 check (tax >= 0);
alter table orders drop constraint orders_check;
alter table orders add constraint orders_total_check
    check (total >= 0 and discount <= subtotal and total = subtotal - discount + fee + tax);

-- Codes that belong together: they work only while their campaign does. `organizer_id` is whose events it is for; null for the
-- platform's own, which admins make.
create table promo_campaigns (
    id           bigint generated always as identity primary key,
    organizer_id bigint      references users (id),
    name         text        not null check (length(name) between 1 and 100),
    starts_at    timestamptz not null,
    ends_at      timestamptz not null,
    created_at   timestamptz not null,
    updated_at   timestamptz not null,
    check (starts_at < ends_at)
);
create index promo_campaigns_organizer_idx on promo_campaigns (organizer_id, id);

-- What buyers type. `redeemed` counts its redemptions that were not returned; the check is what keeps them within the limit,
-- whatever the programs do. A deleted code keeps its history, and its name is free again.
create table promo_codes (
    id                  bigint generated always as identity primary key,
    code                text        not null check (code ~ '^[A-Z0-9_-]{3,20}$'),
    organizer_id        bigint      references users (id),
    campaign_id         bigint      references promo_campaigns (id),
    percent             int         check (percent between 1 and 10000),
    amount              bigint      check (amount between 1 and 100000000000),
    cap                 bigint      check (cap between 1 and 100000000000),
    min_spend           bigint      not null default 0 check (min_spend between 0 and 100000000000),
    event_ids           bigint[]    not null default '{}',
    ticket_type_ids     bigint[]    not null default '{}',
    first_purchase_only boolean     not null default false,
    stackable           boolean     not null default false,
    valid_from          timestamptz not null,
    valid_to            timestamptz not null,
    total_limit         int         check (total_limit >= 1),
    user_limit          int         check (user_limit >= 1),
    redeemed            int         not null default 0 check (redeemed >= 0),
    created_at          timestamptz not null,
    updated_at          timestamptz not null,
    deleted_at          timestamptz,
    check (num_nonnulls(percent, amount) = 1),
    check (valid_from < valid_to),
    constraint promo_codes_within_limit check (redeemed <= total_limit)
);
create unique index promo_codes_code_key on promo_codes (code) where deleted_at is null;
create index promo_codes_organizer_idx on promo_codes (organizer_id, id);
create index promo_codes_campaign_idx on promo_codes (campaign_id, id) where campaign_id is not null;

-- The use of a code by an order. `taken` ones count; `returned` ones do not, their order came to nothing; `beyond` ones were
-- returned and used up by others before the money of their order came: the price was promised, so it is kept.
create table promo_redemptions (
    order_id   bigint      not null references orders (id),
    promo_id   bigint      not null references promo_codes (id),
    user_id    bigint      not null references users (id),
    discount   bigint      not null check (discount >= 1),
    status     text        not null check (status in ('taken', 'returned', 'beyond')),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (order_id, promo_id)
);
create index promo_redemptions_promo_idx on promo_redemptions (promo_id, user_id);

alter table audit_log drop constraint audit_log_subject_kind_check;
alter table audit_log add constraint audit_log_subject_kind_check
    check (subject_kind in ('event', 'ticket_type', 'category', 'user', 'promo', 'promo_campaign'));

create table cart_items (
    id             bigint generated always as identity primary key,
    user_id        bigint      not null references users (id) on delete cascade,
    ticket_type_id bigint      not null references ticket_types (id) on delete cascade,
    quantity       int         not null check (quantity between 1 and 1000),
    reserved_until timestamptz not null,
    held_since     timestamptz not null,
    created_at     timestamptz not null,
    updated_at     timestamptz not null,
    unique (user_id, ticket_type_id)
);

create table orders (
    id         bigint generated always as identity primary key,
    code       text        not null unique check (code ~ '^ORDER-[0-9A-F]{32}$'),
    user_id    bigint      not null references users (id),
    status     text        not null default 'pending'
               check (status in ('pending', 'paid', 'expired', 'cancelled', 'refund_due', 'refunded', 'disputed')),
    subtotal   bigint      not null check (subtotal >= 0),
    discount   bigint      not null default 0 check (discount >= 0),
    total      bigint      not null check (total >= 0 and total = subtotal - discount),
    expires_at timestamptz not null,
    paid_at    timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index orders_user_idx on orders (user_id, id);
create index orders_pending_idx on orders (expires_at) where status = 'pending';

create table order_items (
    id             bigint generated always as identity primary key,
    order_id       bigint not null references orders (id),
    ticket_type_id bigint not null references ticket_types (id),
    unit_price     bigint not null check (unit_price >= 0),
    quantity       int    not null check (quantity between 1 and 1000),
    unique (order_id, ticket_type_id)
);
create index order_items_type_idx on order_items (ticket_type_id);

-- A unit of stock that is neither free nor sold belongs to exactly one of these rows: `held` of a stripe is the sum of
-- their quantities. A hold remembers its stripe, and belongs to a cart row or to an order line.
create table holds (
    id             bigint generated always as identity primary key,
    ticket_type_id bigint      not null,
    stripe         int         not null,
    quantity       int         not null check (quantity >= 1),
    cart_item_id   bigint      references cart_items (id),
    order_item_id  bigint      references order_items (id),
    expires_at     timestamptz not null,
    foreign key (ticket_type_id, stripe) references ticket_stock (ticket_type_id, stripe),
    check (num_nonnulls(cart_item_id, order_item_id) = 1)
);
create index holds_expiry_idx on holds (expires_at);
create index holds_cart_idx on holds (cart_item_id) where cart_item_id is not null;
create index holds_order_idx on holds (order_item_id) where order_item_id is not null;
create index holds_type_idx on holds (ticket_type_id, expires_at);

-- One row per unit sold. The code is what the QR code carries; it is random, 128 bits.
create table issued_tickets (
    id             bigint generated always as identity primary key,
    code           text        not null unique check (code ~ '^[0-9a-f]{32}$'),
    order_item_id  bigint      not null references order_items (id),
    unit           int         not null check (unit >= 1),
    ticket_type_id bigint      not null references ticket_types (id),
    event_id       bigint      not null references events (id),
    holder_id      bigint      not null references users (id),
    holder_name    text        not null,
    status         text        not null default 'valid' check (status in ('valid', 'used', 'void')),
    issued_at      timestamptz not null,
    voided_at      timestamptz,
    unique (order_item_id, unit)
);
create index issued_tickets_holder_idx on issued_tickets (holder_id, id);
create index issued_tickets_type_idx on issued_tickets (ticket_type_id, holder_id);

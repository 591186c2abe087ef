create table categories (
    id         bigint generated always as identity primary key,
    name       text        not null check (length(name) between 1 and 100),
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create unique index categories_name_key on categories (lower(name));

create table events (
    id           bigint generated always as identity primary key,
    organizer_id bigint      not null references users (id),
    name         text        not null check (length(name) between 1 and 200),
    description  text,
    date         timestamptz not null,
    time_zone    text        not null default 'Asia/Jakarta',
    location     text        not null check (length(location) between 1 and 300),
    image_url    text,
    status       text        not null default 'published' check (status in ('draft', 'published', 'cancelled', 'ended')),
    created_at   timestamptz not null,
    updated_at   timestamptz not null
);
create index events_organizer_idx on events (organizer_id);
create index events_public_idx on events (date, id) where status <> 'draft';

-- What is sold. `capacity` is the sum over its stripes; the stripes are the truth.
create table ticket_types (
    id            bigint generated always as identity primary key,
    event_id      bigint      not null references events (id),
    category_id   bigint      not null references categories (id),
    created_by    bigint      not null references users (id),
    name          text        not null check (length(name) between 1 and 100),
    price         bigint      not null check (price between 0 and 100000000000),
    capacity      int         not null check (capacity between 0 and 1000000),
    stripes       int         not null check (stripes between 1 and 64),
    artist        text,
    image_url     text,
    sales_start   timestamptz,
    sales_end     timestamptz,
    min_per_order int         not null default 1 check (min_per_order >= 1),
    max_per_order int         not null default 10,
    max_per_user  int,
    created_at    timestamptz not null,
    updated_at    timestamptz not null,
    check (max_per_order between min_per_order and 1000),
    check (max_per_user is null or max_per_user >= 1),
    check (sales_start is null or sales_end is null or sales_start < sales_end)
);
create index ticket_types_event_idx on ticket_types (event_id, id);
create index ticket_types_category_idx on ticket_types (category_id);

-- The counters of general admission, spread over stripes so that a hot sale does not queue for one row. The checks are
-- what makes overselling impossible, whatever the programs do. The low fillfactor keeps updates within the page.
create table ticket_stock (
    ticket_type_id bigint not null references ticket_types (id) on delete cascade,
    stripe         int    not null check (stripe >= 0),
    capacity       int    not null check (capacity >= 0),
    held           int    not null default 0 check (held >= 0),
    sold           int    not null default 0 check (sold >= 0),
    primary key (ticket_type_id, stripe),
    check (held + sold <= capacity)
) with (fillfactor = 50);

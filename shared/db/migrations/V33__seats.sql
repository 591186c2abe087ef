-- Reserved seating. A seat is a row of `ticket_stock` with room for one: `check (held + sold <= capacity)` lets it have one
-- owner, and whoever reads the stock reads that of seats, too. What is known of the place itself stands in `seats`.
alter table ticket_types add column seated boolean not null default false;

-- Numbers of seats are unique within an event and are never given again, so that an old order cannot mean a seat of a new map.
create table seat_maps (
    event_id        bigint      primary key references events (id) on delete cascade,
    -- Whether a choice may leave a single seat between others.
    no_single_seats boolean     not null,
    stage           text        not null check (length(stage) between 1 and 40),
    version         int         not null default 1 check (version >= 1),
    next_number     int         not null check (next_number >= 1),
    created_at      timestamptz not null,
    updated_at      timestamptz not null
);

create table seats (
    ticket_type_id bigint  not null,
    number         int     not null check (number >= 1),
    section_no     int     not null,
    section        text    not null check (length(section) between 1 and 60),
    row_no         int     not null,
    row_label      text    not null check (length(row_label) between 1 and 10),
    label          text    not null check (length(label) between 1 and 10),
    -- Neighbours have places that differ by one.
    place          int     not null,
    -- Hundredths of the width of a seat, from the upper left corner of the map.
    x              int     not null,
    y              int     not null,
    -- How far from the best seats; the lower the better.
    cost           int     not null check (cost >= 0),
    accessible     boolean not null,
    primary key (ticket_type_id, number),
    foreign key (ticket_type_id, number) references ticket_stock (ticket_type_id, stripe) on delete cascade
);

-- A hold of a seat. Its place is the stripe; the index lets a seat have one.
alter table holds add column is_seat boolean not null default false;
create unique index holds_seat_idx on holds (ticket_type_id, stripe) where is_seat;

-- Which seats are wanted, also when their time is over and somebody else may have them.
alter table cart_items add column seats int[] check (cardinality(seats) = quantity);
alter table order_items add column seats int[] check (cardinality(seats) = quantity);

-- The seat of a ticket. It has one ticket that is not void.
alter table issued_tickets add column seat int;
create unique index issued_tickets_seat_idx on issued_tickets (ticket_type_id, seat) where seat is not null and status <> 'void';

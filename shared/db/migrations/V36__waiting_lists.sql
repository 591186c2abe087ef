-- Whether people may wait for tickets of a kind that is sold out, who of them comes next, and for how long tickets are kept for
-- whoever's turn it is.
alter table ticket_types
    add column waiting_list text not null default 'off' check (waiting_list in ('off', 'in_order', 'who_fits')),
    add column claim_minutes int not null default 30 check (claim_minutes between 5 and 1440);

-- Somebody in line. Rows stay after their turn, so that people see what became of their wait. Who is before whom follows from the
-- ids. While anybody waits, stock that comes back is for the line: the statement that takes stock looks here.
create table waiting_entries (
    id             bigint generated always as identity primary key,
    ticket_type_id bigint      not null references ticket_types (id) on delete cascade,
    user_id        bigint      not null references users (id) on delete cascade,
    quantity       int         not null check (quantity between 1 and 1000),
    status         text        not null default 'waiting'
                   check (status in ('waiting', 'offered', 'claimed', 'lapsed', 'left', 'closed')),
    joined_at      timestamptz not null,
    offered_at     timestamptz,
    -- Until when the tickets are kept that were offered.
    offered_until  timestamptz,
    ended_at       timestamptz,
    check ((offered_at is null) = (offered_until is null)),
    check (case status when 'waiting' then offered_at is null when 'closed' then offered_at is null
                       when 'left' then true else offered_at is not null end),
    check ((status in ('waiting', 'offered')) = (ended_at is null))
);
-- Nobody stands in a line twice.
create unique index waiting_entries_live_key on waiting_entries (user_id, ticket_type_id) where status in ('waiting', 'offered');
-- Tells within a statement that takes stock whether anybody waits, and who of those with the same number is first.
create index waiting_entries_line_idx on waiting_entries (ticket_type_id, quantity, id) where status = 'waiting';
create index waiting_entries_offers_idx on waiting_entries (offered_until) where status = 'offered';
create index waiting_entries_type_idx on waiting_entries (ticket_type_id, id);
create index waiting_entries_user_idx on waiting_entries (user_id, id);

-- Until when tickets are kept that were put into a cart because it was their owner's turn; null for what was reserved otherwise.
alter table cart_items add column offered_until timestamptz;

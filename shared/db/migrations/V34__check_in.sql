-- How many minutes before an event begins its doors open; null if its organizer does not say.
alter table events add column doors_minutes int check (doors_minutes between 0 and 525600);

-- A door of an event. It lets some kinds of tickets in, or all if that is null.
create table gates (
    id              bigint generated always as identity primary key,
    event_id        bigint      not null references events (id) on delete cascade,
    name            text        not null check (length(name) between 1 and 60),
    ticket_type_ids bigint[]    check (cardinality(ticket_type_ids) > 0),
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    unique (id, event_id)
);
create unique index gates_name_key on gates (event_id, lower(name));

-- Whoever is sent to one gate lets nobody in at another.
alter table event_staff add column gate_id bigint;
alter table event_staff add constraint event_staff_gate_fkey
    foreign key (gate_id, event_id) references gates (id, event_id);
create index event_staff_gate_idx on event_staff (gate_id) where gate_id is not null;

-- Scans of tickets that were issued here: who was let in, and who was not and why. A device gives each of its scans an id, so that
-- one that is told again is the same. Rows are added and stay. What is told later by a device that had no connection may have
-- happened before what is known already, so which scan counts is not written here: it follows from all of them.
create table check_ins (
    id          bigint generated always as identity primary key,
    event_id    bigint      not null,
    ticket_id   bigint      not null references issued_tickets (id),
    gate_id     bigint      references gates (id),
    device      text        not null check (length(device) between 1 and 60),
    scan_id     text        not null check (length(scan_id) between 8 and 64),
    scanned_by  bigint      not null,
    scanned_at  timestamptz not null,
    received_at timestamptz not null,
    offline     boolean     not null,
    let_in      boolean     not null,
    -- Why nobody was let in, or should not have been.
    reason      text        check (reason in ('wrong_event', 'cancelled', 'refunded', 'void', 'already_used', 'not_yet_valid',
                                              'over', 'wrong_gate')),
    -- By which scan somebody was in already.
    first_scan  bigint      references check_ins (id),
    check (let_in or reason is not null),
    check ((reason = 'already_used') = (first_scan is not null))
);
create unique index check_ins_scan_key on check_ins (event_id, device, scan_id);
create index check_ins_event_idx on check_ins (event_id, id);
create index check_ins_let_in_idx on check_ins (ticket_id, scanned_at) where let_in;
create index check_ins_gate_idx on check_ins (gate_id) where gate_id is not null;

-- Somebody was let in by mistake: scans up to then count no more, and the ticket lets somebody in again.
create table check_in_undos (
    id         bigint generated always as identity primary key,
    ticket_id  bigint      not null references issued_tickets (id),
    scan       bigint      not null unique references check_ins (id),
    at         timestamptz not null,
    undone_by  bigint      not null,
    reason     text        not null check (length(reason) between 1 and 200)
);
create index check_in_undos_ticket_idx on check_in_undos (ticket_id, at);

create function check_ins_stay() returns trigger language plpgsql as $$
begin
    raise exception 'the log of the gates is append only' using errcode = 'insufficient_privilege';
end
$$;
create trigger check_ins_stay before update or delete or truncate on check_ins
    for each statement execute function check_ins_stay();
create trigger check_in_undos_stay before update or delete or truncate on check_in_undos
    for each statement execute function check_ins_stay();

-- What follows for a ticket: since when it is used, by which scan and at which gate. It stays when a used ticket is taken back.
alter table issued_tickets
    add column used_at timestamptz,
    add column used_scan bigint references check_ins (id),
    add column used_gate_id bigint;

-- Counts who is in, without a look at the tickets themselves.
create index issued_tickets_used_idx on issued_tickets (event_id, ticket_type_id, status, used_gate_id) where status <> 'void';
-- What gates are told not to let in.
create index issued_tickets_void_idx on issued_tickets (event_id, voided_at) where status = 'void';

-- Whether tickets of an event may be passed on to others, whether the names on them may be changed, and how many hours before it
-- begins both end.
alter table events
    add column transfers_allowed boolean not null default true,
    add column renames_allowed boolean not null default true,
    add column transfer_hours int not null default 0 check (transfer_hours between 0 and 8760);

-- A ticket that its holder offers to whoever has a mail address, and what became of it. The link of the mail is stored hashed. An
-- offer whose time is over is still open here until somebody looks; nobody can accept it.
create table handovers (
    id         bigint generated always as identity primary key,
    ticket_id  bigint      not null references issued_tickets (id),
    from_id    bigint      not null references users (id),
    -- Null once one of both has left.
    to_email   text,
    -- Who accepted or declined.
    to_id      bigint      references users (id),
    token_hash bytea       unique,
    status     text        not null default 'open'
                           check (status in ('open', 'accepted', 'declined', 'withdrawn', 'expired', 'ended')),
    created_at timestamptz not null,
    expires_at timestamptz not null,
    decided_at timestamptz,
    check ((status = 'open') = (decided_at is null)),
    check ((status = 'open') = (token_hash is not null)),
    check ((status in ('accepted', 'declined')) = (to_id is not null)),
    check (status <> 'open' or to_email is not null)
);
create unique index handovers_open_key on handovers (ticket_id) where status = 'open';
create index handovers_ticket_idx on handovers (ticket_id, id);
create index handovers_from_idx on handovers (from_id, id);
create index handovers_to_idx on handovers (to_id, id) where to_id is not null;
create index handovers_address_idx on handovers (lower(to_email), id) where to_email is not null;

-- A ticket that was used or taken back is not offered any more, whoever did that.
create function end_handover() returns trigger language plpgsql as $$
begin
    update handovers set status = 'ended', token_hash = null, decided_at = coalesce(new.voided_at, new.used_at, now())
    where ticket_id = new.id and status = 'open';
    return null;
end
$$;
create trigger issued_tickets_end_handover after update of status on issued_tickets
    for each row when (old.status = 'valid' and new.status <> 'valid') execute function end_handover();

-- Codes that tickets had before they were passed on, or before another name was put on them: they open no gate any more. Who held
-- the ticket then, and since when it has another code. Rows are added and stay.
create table retired_codes (
    code        text        primary key check (code ~ '^[0-9a-f]{32}$'),
    ticket_id   bigint      not null references issued_tickets (id),
    event_id    bigint      not null references events (id),
    holder_id   bigint      not null references users (id),
    reason      text        not null check (reason in ('transferred', 'renamed')),
    handover_id bigint      unique references handovers (id),
    retired_at  timestamptz not null,
    check ((reason = 'transferred') = (handover_id is not null))
);
-- What gates are told not to let in.
create index retired_codes_event_idx on retired_codes (event_id, retired_at);
create index retired_codes_ticket_idx on retired_codes (ticket_id, retired_at);
create index retired_codes_holder_idx on retired_codes (holder_id);

-- No ticket gets a code that another one had.
create function no_retired_code() returns trigger language plpgsql as $$
begin
    if exists (select from retired_codes where code = new.code) then
        raise exception 'the code was retired' using errcode = 'unique_violation';
    end if;
    return null;
end
$$;
create trigger issued_tickets_no_retired_code after update of code on issued_tickets
    for each row when (old.code <> new.code) execute function no_retired_code();

alter table check_ins drop constraint check_ins_reason_check;
alter table check_ins add constraint check_ins_reason_check
    check (reason in ('wrong_event', 'cancelled', 'refunded', 'void', 'already_used', 'not_yet_valid', 'over', 'wrong_gate',
                      'transferred', 'renamed'));

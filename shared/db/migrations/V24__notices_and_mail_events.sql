-- What the system itself tells people is kept as what happened, and put into words when it is read. `happening` names it, so
-- that nobody is told the same twice, however often its cause is repeated.
alter table notifications
    alter column message drop not null,
    add column notice jsonb,
    add column happening text,
    add constraint notifications_words_check check ((message is null) <> (notice is null)),
    add constraint notifications_happening_check check ((notice is null) = (happening is null));
create unique index notifications_happening_idx on notifications (user_id, happening) nulls not distinct
    where happening is not null;

-- What the holders of an event are told one after the other, each once: the last who was told commits with what they were told.
-- What was said of the event stands here; if it is not true any more, the rest is not told.
create table announcements (
    id            bigint generated always as identity primary key,
    event_id      bigint      not null references events (id) on delete cascade,
    kind          text        not null check (kind in ('changed', 'reminder')),
    date          timestamptz not null,
    time_zone     text        not null,
    location      text        not null,
    old_date      timestamptz,
    old_time_zone text,
    old_location  text,
    last_holder   bigint      not null default 0,
    told          int         not null default 0 check (told >= 0),
    created_at    timestamptz not null,
    finished_at   timestamptz,
    check ((kind = 'changed') = (old_date is not null and old_time_zone is not null and old_location is not null))
);
create index announcements_event_idx on announcements (event_id);
create index announcements_open_idx on announcements (id) where finished_at is null;
create unique index announcements_reminder_idx on announcements (event_id, date) where kind = 'reminder';

-- Ticket types of which some counter was sold to the last unit. Whether all were is looked at after the commit: two that sell
-- the last units of two counters do not see each other.
create table sold_out_hints (
    id             bigint generated always as identity primary key,
    ticket_type_id bigint      not null references ticket_types (id) on delete cascade,
    created_at     timestamptz not null
);
create index sold_out_hints_ticket_type_idx on sold_out_hints (ticket_type_id);

-- Addresses to which mails do not go: they do not exist, until somebody proves one again, or their owners complained. The hash
-- is that of the address in lower case; the list outlives accounts.
create table mail_suppressions (
    address_hash  bytea       primary key check (length(address_hash) = 32),
    bounced_at    timestamptz,
    complained_at timestamptz,
    proved_at     timestamptz
);


-- Houses that an organizer uses again: where they are, and a seat map that sells nothing yet.
create table venues (
    id           bigint      generated always as identity primary key,
    organizer_id bigint      not null references users (id),
    name         text        not null check (length(name) between 1 and 120),
    location     text        not null check (length(location) between 1 and 300),
    city         text        check (length(city) between 1 and 100),
    time_zone    text        not null,
    -- As they were sent, without the tickets of an event.
    sections     jsonb,
    seats        int         not null check (seats >= 0),
    created_at   timestamptz not null,
    updated_at   timestamptz not null
);
create index venues_organizer_idx on venues (organizer_id, id desc);

alter table audit_log drop constraint audit_log_subject_kind_check;
alter table audit_log add constraint audit_log_subject_kind_check
    check (subject_kind in ('event', 'ticket_type', 'category', 'user', 'payment', 'promo', 'promo_campaign', 'notification',
                            'review', 'webhook', 'mailing', 'alert', 'venue'));

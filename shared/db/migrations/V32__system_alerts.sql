-- What the operators are told of, from its beginning to its end. Of one thing there is at most one that has not ended.
create table system_alerts (
    id                bigint generated always as identity primary key,
    key               text        not null check (length(key) between 1 and 100),
    -- What is wrong, as it was seen last.
    condition         jsonb       not null,
    -- Grows when more of the same comes.
    mark              bigint      not null,
    first_seen_at     timestamptz not null,
    last_seen_at      timestamptz not null,
    -- Null while it may still pass by itself; nobody has heard of it then.
    opened_at         timestamptz,
    -- How often it was told, its end left out; when it was told last, and up to which mark.
    told              int         not null check (told >= 0),
    told_at           timestamptz,
    told_mark         bigint      not null,
    -- Somebody knows, up to this mark: it is not told again unless it grows beyond.
    acknowledged_mark bigint,
    acknowledged_at   timestamptz,
    acknowledged_by   bigint      references users (id),
    closed_at         timestamptz,
    check ((opened_at is null) = (told = 0)),
    check ((opened_at is null) = (told_at is null)),
    check (opened_at is not null or (acknowledged_at is null and closed_at is null)),
    check ((acknowledged_at is null) = (acknowledged_mark is null)),
    check ((acknowledged_at is null) = (acknowledged_by is null))
);
create unique index system_alerts_open_idx on system_alerts (key) where closed_at is null;

-- Whoever looks locks this row, so that of two who look at once one tells. Tellings are numbered.
create table system_watch (
    is_one    boolean     primary key default true check (is_one),
    looked_at timestamptz,
    tellings  bigint      not null default 0
);
insert into system_watch default values;

-- When a job of a schedule was last done to its end.
create table job_runs (
    job     text        primary key,
    done_at timestamptz not null
);

-- Where the janitor found rules broken that must never be: parts of what they are about, each by the ids between which it lies. It
-- looks at them again each time, until nothing is found there.
create table broken_rules (
    rule     text        not null,
    after_id bigint      not null,
    until_id bigint      not null,
    count    bigint      not null check (count > 0),
    -- The first rows that break it.
    rows     text[]      not null,
    found_at timestamptz not null,
    seen_at  timestamptz not null,
    primary key (rule, after_id, until_id)
);

-- Payments that people have to look at.
create index payments_conflicted_idx on payments (id) where status = 'conflicted';

alter table audit_log drop constraint audit_log_subject_kind_check;
alter table audit_log add constraint audit_log_subject_kind_check
    check (subject_kind in ('event', 'ticket_type', 'category', 'user', 'payment', 'promo', 'promo_campaign', 'notification',
                            'review', 'webhook', 'mailing', 'alert'));

-- When an event ends, if its organizer says so. That it has ended follows from the time and is never stored.
alter table events add column ends_at timestamptz;
alter table events add constraint events_ends_at_check check (ends_at > date);
update events set status = 'published' where status = 'ended';
alter table events drop constraint events_status_check;
alter table events add constraint events_status_check check (status in ('draft', 'published', 'cancelled'));

-- Who checks tickets at which event.
create table event_staff (
    event_id   bigint      not null references events (id) on delete cascade,
    user_id    bigint      not null references users (id),
    added_by   bigint      not null references users (id),
    created_at timestamptz not null,
    primary key (event_id, user_id)
);
create index event_staff_user_idx on event_staff (user_id, event_id);

-- Who changed what, when, and from where. Nothing refers to what was changed: the log outlives it.
create table audit_log (
    id           bigint generated always as identity primary key,
    at           timestamptz not null,
    actor_id     bigint      not null,
    actor_role   text        not null check (actor_role in ('user', 'organizer', 'staff', 'admin')),
    actor_via    text        not null check (actor_via in ('session', 'api_key')),
    action       text        not null check (length(action) between 1 and 60),
    subject_kind text        not null check (subject_kind in ('event', 'ticket_type', 'category', 'user')),
    subject_id   bigint      not null,
    event_id     bigint,
    changes      jsonb       not null,
    client_ip    text,
    user_agent   text,
    request_id   text        not null
);
create index audit_log_subject_idx on audit_log (subject_kind, subject_id, id);
create index audit_log_actor_idx on audit_log (actor_id, id);
create index audit_log_action_idx on audit_log (action, id);
create index audit_log_event_idx on audit_log (event_id, id) where event_id is not null;

-- Rows are added and stay as they are. One change is let through: to forget from where somebody did something, when the
-- account is erased.
create function audit_log_stays() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and new.client_ip is null and new.user_agent is null
       and to_jsonb(new) - 'client_ip' - 'user_agent' = to_jsonb(old) - 'client_ip' - 'user_agent' then
        return new;
    end if;
    raise exception 'audit_log is append only' using errcode = 'insufficient_privilege';
end
$$;
create trigger audit_log_stays before update or delete on audit_log
    for each row execute function audit_log_stays();
create trigger audit_log_is_not_emptied before truncate on audit_log
    for each statement execute function audit_log_stays();

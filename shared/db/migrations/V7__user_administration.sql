-- An account that was deleted keeps its row, because money records refer to it; everything personal in it is replaced.
alter table users add column deleted_at timestamptz;

-- Every change of a role, append only.
create table role_changes (
    id         bigint generated always as identity primary key,
    user_id    bigint      not null references users (id),
    changed_by bigint      not null references users (id),
    from_role  text        not null check (from_role in ('user', 'organizer', 'staff', 'admin')),
    to_role    text        not null check (to_role in ('user', 'organizer', 'staff', 'admin')),
    at         timestamptz not null,
    check (from_role <> to_role)
);
create index role_changes_user_idx on role_changes (user_id, id);

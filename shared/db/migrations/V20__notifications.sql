-- Messages within the application. One without an account is for everybody who had an account when it was written: a message
-- for all is one row, however many there are.
create table notifications (
    id         bigint generated always as identity primary key,
    user_id    bigint      references users (id),
    message    text        not null check (length(message) between 1 and 1000),
    created_at timestamptz not null
);
create index notifications_user_idx on notifications (user_id, created_at, id);

-- What somebody marked as read or as unread again; what has no mark is unread.
create table notification_marks (
    notification_id bigint      not null references notifications (id) on delete cascade,
    user_id         bigint      not null references users (id),
    is_read         boolean     not null,
    updated_at      timestamptz not null,
    primary key (user_id, notification_id)
);
create index notification_marks_notification_idx on notification_marks (notification_id);

alter table audit_log drop constraint audit_log_subject_kind_check;
alter table audit_log add constraint audit_log_subject_kind_check
    check (subject_kind in ('event', 'ticket_type', 'category', 'user', 'payment', 'promo', 'promo_campaign', 'notification',
                            'review'));

-- What people say about a kind of ticket, once each. What is not shown has a reason: what a rule found, or a moderator's words.
create table reviews (
    id             bigint generated always as identity primary key,
    user_id        bigint      not null references users (id),
    ticket_type_id bigint      not null references ticket_types (id) on delete cascade,
    rating         int         not null check (rating between 1 and 5),
    comment        text        not null check (length(comment) between 1 and 2000),
    status         text        not null check (status in ('shown', 'held', 'hidden')),
    reason         text,
    open_reports   int         not null default 0 check (open_reports >= 0),
    created_at     timestamptz not null,
    updated_at     timestamptz not null,
    unique (user_id, ticket_type_id),
    check ((status = 'shown') = (reason is null))
);
create index reviews_ticket_type_idx on reviews (ticket_type_id, created_at, id);
create index reviews_newest_idx on reviews (created_at, id) where status = 'shown';
create index reviews_queue_idx on reviews (created_at, id) where status = 'held' or open_reports > 0;

-- Who finds that a review should not be shown; once each.
create table review_reports (
    review_id  bigint      not null references reviews (id) on delete cascade,
    user_id    bigint      not null references users (id),
    reason     text        not null,
    created_at timestamptz not null,
    primary key (review_id, user_id)
);
create index review_reports_user_idx on review_reports (user_id);

-- How many reviews are shown, by the day in UTC on which they were written. They change in the transaction of the review.
create table review_counts (
    ticket_type_id bigint not null references ticket_types (id) on delete cascade,
    day            date   not null,
    rating         int    not null check (rating between 1 and 5),
    count          int    not null check (count >= 0),
    primary key (ticket_type_id, day, rating)
);

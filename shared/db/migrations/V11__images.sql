-- Pictures that organizers upload. The object in the store is the truth; everything else is made from it, again if need be.
-- A row is committed before its object is put, so whoever hears of an object finds its row.
create table images (
    id          bigint generated always as identity primary key,
    owner_id    bigint      not null references users (id),
    purpose     text        not null check (purpose in ('event', 'ticket')),
    -- The random part of the keys of its objects.
    key         text        not null unique check (key ~ '^[0-9a-f]{32}$'),
    state       text        not null default 'pending' check (state in ('pending', 'stored', 'ready', 'failed', 'discarded')),
    media_type  text        not null check (media_type in ('image/jpeg', 'image/png', 'image/webp', 'image/gif')),
    bytes       int         not null check (bytes > 0),
    -- Only signed URLs show it.
    private     boolean     not null default false,
    width       int         check (width > 0),
    height      int         check (height > 0),
    variants    int[]       not null default '{}',
    file_id     text,
    file_path   text,
    url         text,
    -- Why it failed: a code.
    reason      text,
    attempts    int         not null default 0,
    -- Whoever works on it holds this lease, so that two deliveries of a message do not do it twice at a time.
    lease_until timestamptz,
    -- When it is announced again.
    retry_at    timestamptz,
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    check (state <> 'ready' or num_nulls(width, height, file_id, file_path, url) = 0),
    check ((state = 'failed') = (reason is not null) or state = 'discarded')
);
create index images_owner_idx on images (owner_id);
create index images_retry_idx on images (retry_at) where retry_at is not null;
create index images_age_idx on images (updated_at) where state <> 'discarded';

alter table events add column image_id bigint references images (id);
create index events_image_idx on events (image_id) where image_id is not null;
alter table ticket_types add column image_id bigint references images (id);
create index ticket_types_image_idx on ticket_types (image_id) where image_id is not null;

alter table outbox drop constraint outbox_queue_check;
alter table outbox add constraint outbox_queue_check check (queue in ('payment-notifications', 'mail', 'media'));

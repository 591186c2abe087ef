-- Accounts. Mail addresses are unique without regard to case, and kept as their owner wrote them.
create table users (
    id            bigint generated always as identity primary key,
    email         text        not null check (length(email) between 3 and 254),
    password_hash text        not null,
    name          text        not null,
    age           int         not null check (age between 1 and 150),
    phone_number  text        not null,
    role          text        not null default 'user' check (role in ('user', 'organizer', 'staff', 'admin')),
    is_verified   boolean     not null default false,
    created_at    timestamptz not null,
    updated_at    timestamptz not null
);
create unique index users_email_key on users (lower(email));

-- Links that prove a mail address. Only the hash of a token is kept. A new link replaces the old one.
create table email_verifications (
    user_id    bigint      primary key references users (id) on delete cascade,
    token_hash bytea       not null unique,
    expires_at timestamptz not null,
    created_at timestamptz not null
);

-- A log-in on one device. An access token names its session and counts as long as the session has not ended.
create table sessions (
    id           bigint generated always as identity primary key,
    user_id      bigint      not null references users (id) on delete cascade,
    created_at   timestamptz not null,
    last_used_at timestamptz not null,
    expires_at   timestamptz not null,
    ended_at     timestamptz,
    ip           text        not null check (length(ip) <= 64),
    user_agent   text        not null check (length(user_agent) <= 200)
);
create index sessions_user_idx on sessions (user_id, id);
create index sessions_age_idx on sessions (expires_at);

-- The tokens that carry a session on, as hashes. Each is used once and replaced by the next; the used ones stay, so that
-- one that comes back gives a thief away.
create table refresh_tokens (
    token_hash bytea       primary key,
    session_id bigint      not null references sessions (id) on delete cascade,
    created_at timestamptz not null,
    used_at    timestamptz
);
create unique index refresh_tokens_unused_key on refresh_tokens (session_id) where used_at is null;
create index refresh_tokens_session_idx on refresh_tokens (session_id);

-- Sessions are ended one by one, in the transaction that changes the password, the role or the account.
alter table users drop column sessions_valid_from;

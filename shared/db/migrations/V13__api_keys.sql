-- Keys of organizers' own systems. Only the hash of a key is kept; `hint` is its beginning, by which its owner knows it.
create table api_keys (
    id           bigint generated always as identity primary key,
    user_id      bigint      not null references users (id) on delete cascade,
    name         text        not null check (length(name) between 1 and 100),
    hint         text        not null check (length(hint) <= 16),
    key_hash     bytea       not null unique,
    scopes       text[]      not null check (
        cardinality(scopes) > 0 and scopes <@ array['events:read', 'events:write', 'tickets:write', 'tickets:check']
    ),
    created_at   timestamptz not null,
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz
);
create index api_keys_user_idx on api_keys (user_id, id);

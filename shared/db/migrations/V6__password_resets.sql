-- Forgotten passwords. A row is made for every address that is asked about, whether somebody has it or not, so that both are
-- answered alike and take the same time; without an account nothing can ever come of it. Token and code are kept as hashes, the
-- code's together with its token, and the address as a hash, too.
create table password_resets (
    id              bigint generated always as identity primary key,
    token_hash      bytea       not null unique,
    address_hash    bytea       not null,
    user_id         bigint      references users (id) on delete cascade,
    code_hash       bytea,
    code_expires_at timestamptz,
    wrong_tries     int         not null default 0 check (wrong_tries between 0 and 5),
    mailed_at       timestamptz[] not null default '{}',
    expires_at      timestamptz not null,
    created_at      timestamptz not null,
    check ((code_hash is null) = (code_expires_at is null))
);
create index password_resets_address_idx on password_resets (address_hash);
create index password_resets_user_idx on password_resets (user_id);
create index password_resets_age_idx on password_resets (expires_at);

-- Tokens that were issued before do not count; all of them count if it is null.
alter table users add column sessions_valid_from timestamptz;

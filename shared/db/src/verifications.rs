//! Links that prove a mail address.

use crate::error::Result;
use crate::sql::{RowExt as _, params};
use domain::{Timestamp, UserId};
use tokio_postgres::Transaction;

const PUT_SQL: &str = "
    insert into email_verifications (user_id, token_hash, expires_at, created_at) values ($1, $2, $3, $4)
    on conflict (user_id) do update
    set token_hash = excluded.token_hash, expires_at = excluded.expires_at, created_at = excluded.created_at";

/// Keeps the hash of a new link; an older link of the same account is void from now on.
pub async fn put(
    tx: &Transaction<'_>,
    user: UserId,
    hash: &[u8; 32],
    expires: Timestamp,
    now: Timestamp,
) -> Result<()> {
    tx.execute_typed(
        PUT_SQL,
        params![INT8: user.get(), BYTEA: hash.as_slice(), TIMESTAMPTZ: expires.inner(), TIMESTAMPTZ: now.inner()],
    )
    .await?;
    Ok(())
}

const USE_SQL: &str = "
    with used as (delete from email_verifications where token_hash = $1 returning user_id, expires_at)
    update users set is_verified = true, updated_at = $2 from used
    where users.id = used.user_id and used.expires_at > $2 and users.deleted_at is null
    returning users.id";

/// Uses up a link and marks its account as verified. `None` if the link is unknown, used, replaced or too old.
pub async fn use_up(tx: &Transaction<'_>, hash: &[u8; 32], now: Timestamp) -> Result<Option<UserId>> {
    let row = tx
        .query_typed_opt(USE_SQL, params![BYTEA: hash.as_slice(), TIMESTAMPTZ: now.inner()])
        .await?;
    row.as_ref().map(|row| row.id("id", UserId::new)).transpose()
}

const WITHDRAW_SQL: &str = "delete from email_verifications where user_id = $1";

/// Voids the link of an account, if it has one.
pub async fn withdraw(tx: &Transaction<'_>, user: UserId) -> Result<()> {
    tx.execute_typed(WITHDRAW_SQL, params![INT8: user.get()]).await?;
    Ok(())
}

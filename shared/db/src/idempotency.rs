//! Answers to requests with an `Idempotency-Key`. The row commits with the effect, so a stored answer and its effect
//! cannot part.

use crate::error::{DbError, Result};
use crate::sql::{RowExt as _, params};
use domain::idempotency::{Once, Stored};
use domain::{Error, Timestamp};
use tokio_postgres::{Client, Transaction};

/// How long an answer is kept, in seconds.
pub const KEEP_SECONDS: i64 = 24 * 3_600;

// Gives no row while a twin has the lock. It is a lock of the transaction, not of the session, so it does not pin an RDS Proxy
// connection.
const CLAIM_SQL: &str = "
    insert into idempotency_keys as k (scope, key, request_hash, created_at, user_id)
    select $1, $2, $3, $4, $6 where pg_try_advisory_xact_lock(hashtextextended($1 || chr(10) || $2, 0))
    on conflict (scope, key) do update
    set request_hash = case when k.created_at < $5 then excluded.request_hash else k.request_hash end,
        status = case when k.created_at < $5 then null else k.status end,
        body = case when k.created_at < $5 then null else k.body end,
        created_at = case when k.created_at < $5 then excluded.created_at else k.created_at end
    returning request_hash, status, body";

/// Claims the key of a request for the time of this transaction. `None`: do the work, there is no key, or this is its first
/// use or one that was interrupted. Otherwise the same request was answered before, and gets the same answer.
///
/// # Errors
/// `idempotency_mismatch` if the key was used for another request, `request_in_flight` if its twin is being worked on.
pub async fn claim(
    tx: &Transaction<'_>,
    once: Option<&Once>,
    now: Timestamp,
) -> Result<Option<Stored>, Error> {
    let Some(once) = once else {
        return Ok(None);
    };
    let scope = once.scope();
    let oldest = now.plus_seconds(-KEEP_SECONDS);
    let params = params![
        TEXT: scope, TEXT: once.key, BYTEA: once.request_hash.as_slice(), TIMESTAMPTZ: now.inner(),
        TIMESTAMPTZ: oldest.inner(), INT8: once.caller.get(),
    ];
    let row = tx
        .query_typed_opt(CLAIM_SQL, params)
        .await
        .map_err(DbError::from)?;
    let Some(row) = row else {
        let message = "The same request is being worked on, please wait for its answer";
        return Err(Error::conflict("request_in_flight", message).retry_after(1));
    };
    if row.col::<&[u8]>("request_hash")? != once.request_hash {
        return Err(Error::invalid(
            "idempotency_mismatch",
            "This Idempotency-Key was used for another request",
        ));
    }
    match (
        row.col::<Option<i32>>("status")?,
        row.col::<Option<String>>("body")?,
    ) {
        (Some(status), Some(body)) => {
            let status = u16::try_from(status).map_err(|_| DbError::Value("idempotency_keys.status"))?;
            Ok(Some(Stored { status, body }))
        }
        _ => Ok(None),
    }
}

const STORE_SQL: &str = "update idempotency_keys set status = $3, body = $4 where scope = $1 and key = $2";

/// Keeps the answer to a claimed key, if there is one.
pub async fn store(db: &Client, once: Option<&Once>, answer: &Stored) -> Result<()> {
    let Some(once) = once else {
        return Ok(());
    };
    let status = i32::from(answer.status);
    let params = params![TEXT: once.scope(), TEXT: once.key, INT4: status, TEXT: answer.body];
    db.execute_typed(STORE_SQL, params).await?;
    Ok(())
}

const FORGET_SQL: &str = "
    delete from idempotency_keys where (scope, key) in (
        select scope, key from idempotency_keys where created_at < $1 limit $2 for update skip locked
    )";

/// Deletes keys that are older than a time.
pub async fn forget(db: &Client, before: Timestamp, limit: u32) -> Result<u64> {
    let limit = i64::from(limit);
    Ok(db
        .execute_typed(FORGET_SQL, params![TIMESTAMPTZ: before.inner(), INT8: limit])
        .await?)
}

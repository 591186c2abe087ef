//! Messages on their way out. A row commits with its cause; the function that wrote it publishes it right after the
//! commit, and `outbox-relay` sweeps what was missed. Rows are never found by "id greater than the last one seen":
//! identity order is not commit order.

use crate::error::Result;
use crate::sql::{RowExt as _, params};
use domain::Timestamp;
use domain::message::{Outgoing, Queue};
use tokio_postgres::{Client, Row, Transaction};

const INSERT_SQL: &str = "insert into outbox (id, queue, body, created_at) values ($1, $2, $3, $4)";

/// Writes a message with its cause.
pub async fn insert(tx: &Transaction<'_>, message: &Outgoing, now: Timestamp) -> Result<()> {
    let params =
        params![TEXT: message.id, TEXT: message.queue.as_str(), TEXT: message.body, TIMESTAMPTZ: now.inner()];
    tx.execute_typed(INSERT_SQL, params).await?;
    Ok(())
}

const INSERT_ALL_SQL: &str = "
    insert into outbox (id, queue, body, created_at)
    select id, queue, body, $4 from unnest($1::text[], $2::text[], $3::text[]) as m (id, queue, body)";

/// Writes many messages with their cause.
pub async fn insert_all(tx: &Transaction<'_>, messages: &[Outgoing], now: Timestamp) -> Result<()> {
    let ids: Vec<&str> = messages.iter().map(|message| message.id.as_str()).collect();
    let queues: Vec<&str> = messages.iter().map(|message| message.queue.as_str()).collect();
    let bodies: Vec<&str> = messages.iter().map(|message| message.body.as_str()).collect();
    let params = params![TEXT_ARRAY: ids, TEXT_ARRAY: queues, TEXT_ARRAY: bodies, TIMESTAMPTZ: now.inner()];
    tx.execute_typed(INSERT_ALL_SQL, params).await?;
    Ok(())
}

const PUBLISHED_SQL: &str = "update outbox set published_at = $2 where id = any($1) and published_at is null";

/// Marks messages as published.
pub async fn mark_published(db: &Client, ids: &[&str], now: Timestamp) -> Result<()> {
    db.execute_typed(PUBLISHED_SQL, params![TEXT_ARRAY: ids, TIMESTAMPTZ: now.inner()])
        .await?;
    Ok(())
}

const WAITING_SQL: &str = "
    select id, queue, body from outbox where published_at is null and created_at <= $1
    order by created_at limit $2";

/// Messages older than `before` that nobody published. Not locked: sending takes a call to another service, and two sweeps
/// at a time only send a message twice, which its consumer knows to be a repetition.
pub async fn waiting(db: &Client, before: Timestamp, limit: u32) -> Result<Vec<Outgoing>> {
    let limit = i64::from(limit);
    let rows = db
        .query_typed(WAITING_SQL, params![TIMESTAMPTZ: before.inner(), INT8: limit])
        .await?;
    rows.iter().map(read).collect()
}

const FORGET_SQL: &str = "
    delete from outbox where id in (
        select id from outbox where published_at is not null and published_at < $1 limit $2 for update skip locked
    )";

/// Deletes messages that were published before a time. They may hold links and addresses, so they do not stay.
pub async fn forget(db: &Client, before: Timestamp, limit: u32) -> Result<u64> {
    let limit = i64::from(limit);
    Ok(db
        .execute_typed(FORGET_SQL, params![TIMESTAMPTZ: before.inner(), INT8: limit])
        .await?)
}

fn read(row: &Row) -> Result<Outgoing> {
    Ok(Outgoing {
        id: row.col("id")?,
        queue: row.word("queue", Queue::parse)?,
        body: row.col("body")?,
    })
}

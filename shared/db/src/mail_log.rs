//! Which mails were sent: the mail service cannot tell a repetition from a new mail.

use crate::error::Result;
use crate::sql::{RowExt as _, params};
use domain::Timestamp;
use tokio_postgres::Client;

/// What became of an attempt to claim a mail.
#[derive(Debug, PartialEq, Eq)]
pub enum Claim {
    /// This worker shall send it.
    Send,
    /// It was sent, or dropped for good.
    Done,
    /// Another worker is sending it at this moment.
    Busy,
}

const CLAIM_SQL: &str = "
    insert into mail_log as m (message_id, kind, lease_until, created_at) values ($1, $2, $3, $4)
    on conflict (message_id) do update set lease_until = excluded.lease_until, attempts = m.attempts + 1
    where m.sent_at is null and m.dropped_at is null and (m.lease_until is null or m.lease_until <= $4)
    returning message_id";

const DONE_SQL: &str =
    "select sent_at is not null or dropped_at is not null as done from mail_log where message_id = $1";

/// Claims a mail until `lease_until`; a worker that dies loses the claim then.
pub async fn claim(
    db: &Client,
    id: &str,
    kind: &str,
    lease_until: Timestamp,
    now: Timestamp,
) -> Result<Claim> {
    let params = params![TEXT: id, TEXT: kind, TIMESTAMPTZ: lease_until.inner(), TIMESTAMPTZ: now.inner()];
    if db.query_typed_opt(CLAIM_SQL, params).await?.is_some() {
        return Ok(Claim::Send);
    }
    let row = db.query_typed_opt(DONE_SQL, params![TEXT: id]).await?;
    let done = row.map_or(Ok(false), |row| row.col("done"))?;
    Ok(if done { Claim::Done } else { Claim::Busy })
}

const MARK_SENT_SQL: &str =
    "update mail_log set sent_at = $3, provider_id = $2, lease_until = null where message_id = $1";

/// Marks a claimed mail as sent.
pub async fn mark_sent(db: &Client, id: &str, provider_id: &str, now: Timestamp) -> Result<()> {
    db.execute_typed(
        MARK_SENT_SQL,
        params![TEXT: id, TEXT: provider_id, TIMESTAMPTZ: now.inner()],
    )
    .await?;
    Ok(())
}

const DROP_SQL: &str = "
    update mail_log set dropped_at = $3, reason = $2, lease_until = null where message_id = $1 and sent_at is null";

/// Notes that a claimed mail will never be sent. The reason holds no address.
pub async fn drop_for_good(db: &Client, id: &str, reason: &str, now: Timestamp) -> Result<()> {
    db.execute_typed(
        DROP_SQL,
        params![TEXT: id, TEXT: reason, TIMESTAMPTZ: now.inner()],
    )
    .await?;
    Ok(())
}

// By its end a claim is told from that of a worker who took the mail over meanwhile.
const GIVE_BACK_SQL: &str = "
    update mail_log set lease_until = null where message_id = $1 and lease_until = $2 and sent_at is null";

/// Gives the claim until then back after a failure, so that the next delivery may try at once.
pub async fn give_back(db: &Client, id: &str, lease_until: Timestamp) -> Result<()> {
    let params = params![TEXT: id, TIMESTAMPTZ: lease_until.inner()];
    db.execute_typed(GIVE_BACK_SQL, params).await?;
    Ok(())
}

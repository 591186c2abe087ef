//! Addresses to which mails do not go: kept as hashes, because the list outlives accounts.

use crate::error::Result;
use crate::sql::{RowExt as _, params};
use domain::suppression::Suppression;
use domain::{Timestamp, UserId};
use tokio_postgres::{Client, Transaction};

const BOUNCED_SQL: &str = "
    insert into mail_suppressions as m (address_hash, bounced_at) values (sha256(convert_to(lower($1), 'UTF8')), $2)
    on conflict (address_hash) do update set bounced_at = excluded.bounced_at
    where m.bounced_at is null and (m.proved_at is null or m.proved_at < excluded.bounced_at)";

/// Notes that an address did not exist at a time. Nothing changes if somebody has proved it since: such news may come late, and
/// twice.
pub async fn bounced(db: &Client, address: &str, at: Timestamp) -> Result<()> {
    let params = params![TEXT: address, TIMESTAMPTZ: at.inner()];
    db.execute_typed(BOUNCED_SQL, params).await?;
    Ok(())
}

const COMPLAINED_SQL: &str = "
    insert into mail_suppressions as m (address_hash, complained_at) values (sha256(convert_to(lower($1), 'UTF8')), $2)
    on conflict (address_hash) do update set complained_at = excluded.complained_at where m.complained_at is null";

/// Notes that the owner of an address complained.
pub async fn complained(db: &Client, address: &str, at: Timestamp) -> Result<()> {
    let params = params![TEXT: address, TIMESTAMPTZ: at.inner()];
    db.execute_typed(COMPLAINED_SQL, params).await?;
    Ok(())
}

const PROVED_SQL: &str = "
    insert into mail_suppressions as m (address_hash, proved_at)
    select sha256(convert_to(lower(email), 'UTF8')), $2 from users where id = $1
    on conflict (address_hash) do update set bounced_at = null, proved_at = excluded.proved_at";

/// Notes that somebody has proved the address of their account: its mailbox is there. Of an address without trouble, too: the news
/// that it did not exist before may still be on its way.
pub async fn proved(tx: &Transaction<'_>, user: UserId, now: Timestamp) -> Result<()> {
    let params = params![INT8: user.get(), TIMESTAMPTZ: now.inner()];
    tx.execute_typed(PROVED_SQL, params).await?;
    Ok(())
}

const FIND_SQL: &str = "
    select bounced_at is not null as bounced, complained_at is not null as complained from mail_suppressions
    where address_hash = sha256(convert_to(lower($1), 'UTF8'))";

/// What is known of an address.
pub async fn find(db: &Client, address: &str) -> Result<Suppression> {
    let Some(row) = db.query_typed_opt(FIND_SQL, params![TEXT: address]).await? else {
        return Ok(Suppression::default());
    };
    Ok(Suppression {
        bounced: row.col("bounced")?,
        complained: row.col("complained")?,
    })
}

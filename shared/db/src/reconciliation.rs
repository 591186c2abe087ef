//! Which payments the gateway is asked about, and when. It never hears of bank transfers, so it is not asked about them.

use crate::error::Result;
use crate::sql::{RowExt as _, params};
use domain::order::OrderStatus;
use domain::payment::PaymentStatus;
use domain::{OrderId, PaymentId, Timestamp, UserId};
use tokio_postgres::{Client, Row};

/// A payment to ask about.
#[derive(Debug, Clone)]
pub struct Due {
    /// The payment.
    pub id: PaymentId,
    /// Where it stands.
    pub status: PaymentStatus,
    /// When it was begun.
    pub begun: Timestamp,
    /// What it pays.
    pub order_id: OrderId,
    /// What the gateway calls it.
    pub order_code: String,
    /// Where the order stands.
    pub order_status: OrderStatus,
    /// Whether the gateway has told of a transaction before.
    pub reported: bool,
}

// Rows that another run has locked at this moment are its own.
const CLAIM_SQL: &str = "
    with due as (
        select id from payments
        where next_check_at <= $1 and status in ('pending', 'challenge', 'failed', 'expired', 'cancelled') and method = 'midtrans'
        order by next_check_at, id limit $3 for update skip locked
    )
    update payments p set next_check_at = $2 from due, orders o
    where p.id = due.id and o.id = p.order_id
    returning p.id, p.status, p.payment_date, p.order_id, o.code as order_code, o.status as order_status,
              exists (select 1 from payment_transactions t where t.payment_id = p.id) as reported";

/// Payments that are due, the longest due first. They are the caller's until `lease_until`; whoever dies with them leaves them to
/// others then.
pub async fn claim(db: &Client, lease_until: Timestamp, limit: u32, now: Timestamp) -> Result<Vec<Due>> {
    let limit = i64::from(limit);
    let params = params![TIMESTAMPTZ: now.inner(), TIMESTAMPTZ: lease_until.inner(), INT8: limit];
    let rows = db.query_typed(CLAIM_SQL, params).await?;
    rows.iter().map(read).collect()
}

const SCHEDULE_SQL: &str = "update payments set next_check_at = $2 where id = $1";

/// Says when a payment is asked about next, or that it is not.
pub async fn schedule(db: &Client, id: PaymentId, at: Option<Timestamp>) -> Result<()> {
    let at = at.map(Timestamp::inner);
    db.execute_typed(SCHEDULE_SQL, params![INT8: id.get(), TIMESTAMPTZ: at])
        .await?;
    Ok(())
}

const CLAIM_ONE_SQL: &str = "
    update payments p set polled_at = $3 from orders o
    where p.id = $1 and ($2::bigint is null or p.user_id = $2) and o.id = p.order_id
      and p.status in ('pending', 'challenge', 'failed') and p.method = 'midtrans' and p.transaction_token is not null
      and (p.polled_at is null or p.polled_at <= $4)
    returning p.id, p.status, p.payment_date, p.order_id, o.code as order_code, o.status as order_status,
              exists (select 1 from payment_transactions t where t.payment_id = p.id) as reported";

/// A payment that somebody looks at and that may have moved: of this payer, or of anybody. `None` if the gateway was asked
/// for a reader after `asked_before`, or nothing is to be asked.
pub async fn claim_one(
    db: &Client,
    id: PaymentId,
    payer: Option<UserId>,
    asked_before: Timestamp,
    now: Timestamp,
) -> Result<Option<Due>> {
    let payer = payer.map(UserId::get);
    let params = params![
        INT8: id.get(), INT8: payer, TIMESTAMPTZ: now.inner(), TIMESTAMPTZ: asked_before.inner(),
    ];
    let row = db.query_typed_opt(CLAIM_ONE_SQL, params).await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<Due> {
    Ok(Due {
        id: row.id("id", PaymentId::new)?,
        status: row.word("status", PaymentStatus::parse)?,
        begun: row.time("payment_date")?,
        order_id: row.id("order_id", OrderId::new)?,
        order_code: row.col("order_code")?,
        order_status: row.word("order_status", OrderStatus::parse)?,
        reported: row.col("reported")?,
    })
}

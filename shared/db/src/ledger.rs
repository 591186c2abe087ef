//! The ledger: every move of money, written in the transaction that makes it. The schema lets nobody change or delete a row,
//! and refuses postings that do not balance. What the entries are is decided in [`domain::ledger`].

use crate::error::{DbError, Result};
use crate::sql::{RowExt as _, params};
use domain::ledger::{Account, Balance, Entry, Sold};
use domain::{EventId, OrderId, PaymentId, RefundId, Timestamp};
use tokio_postgres::Transaction;

/// What a posting tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posting {
    /// Money came in.
    Charge,
    /// Money went back.
    Refund(RefundId),
    /// The payer's bank took money back.
    Reversal,
    /// More came in in a wrong amount, or the payer's bank took part of it back.
    Correction,
}

impl Posting {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Refund(_) => "refund",
            Self::Reversal => "reversal",
            Self::Correction => "correction",
        }
    }
}

const POST_SQL: &str = "
    with posting as (
        insert into ledger_postings (kind, payment_id, refund_id, at) values ($1, $2, $3, $4) returning id
    )
    insert into ledger_entries (posting_id, account, event_id, debit, credit)
    select posting.id, e.account, nullif(e.event_id, 0), e.debit, e.credit
    from posting, unnest($5::text[], $6::bigint[], $7::bigint[], $8::bigint[]) as e (account, event_id, debit, credit)";

/// Writes a posting. One without entries moves nothing and is left out. A payment is charged and reversed once, a refund posted
/// once: a second one is refused by the schema. Only what came in in wrong amounts is corrected any number of times.
pub async fn post(
    tx: &Transaction<'_>,
    posting: Posting,
    payment: PaymentId,
    entries: &[Entry],
    now: Timestamp,
) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let refund = match posting {
        Posting::Refund(id) => Some(id.get()),
        Posting::Charge | Posting::Reversal | Posting::Correction => None,
    };
    let accounts: Vec<&str> = entries.iter().map(|entry| entry.account.as_str()).collect();
    // Arrays without nulls: ids begin with 1.
    let events: Vec<i64> = entries
        .iter()
        .map(|entry| entry.account.event().map_or(0, EventId::get))
        .collect();
    let debits: Vec<i64> = entries.iter().map(|entry| entry.debit.get()).collect();
    let credits: Vec<i64> = entries.iter().map(|entry| entry.credit.get()).collect();
    let params = params![
        TEXT: posting.as_str(), INT8: payment.get(), INT8: refund, TIMESTAMPTZ: now.inner(), TEXT_ARRAY: accounts,
        INT8_ARRAY: events, INT8_ARRAY: debits, INT8_ARRAY: credits,
    ];
    tx.execute_typed(POST_SQL, params).await?;
    Ok(())
}

const SOLD_SQL: &str = "
    select t.event_id, sum(i.unit_price * i.quantity - i.discount)::bigint as net, sum(i.fee)::bigint as fee,
           sum(i.tax)::bigint as tax
    from order_items i join ticket_types t on t.id = i.ticket_type_id
    where i.order_id = $1 group by t.event_id order by t.event_id";

/// What the tickets of an order were charged, event by event.
pub async fn sold(tx: &Transaction<'_>, order: OrderId) -> Result<Vec<Sold>> {
    let rows = tx.query_typed(SOLD_SQL, params![INT8: order.get()]).await?;
    rows.iter()
        .map(|row| {
            Ok(Sold {
                event: row.id("event_id", EventId::new)?,
                net: row.rupiah("net")?,
                fee: row.rupiah("fee")?,
                tax: row.rupiah("tax")?,
            })
        })
        .collect()
}

const BALANCES_SQL: &str = "
    select e.account, e.event_id, sum(e.credit - e.debit)::bigint as amount
    from ledger_entries e join ledger_postings p on p.id = e.posting_id
    where p.payment_id = $1 and e.account not in ('gateway', 'bank')
    group by 1, 2 order by 1, 2";

/// What the accounts that are owed something have got of a payment.
pub async fn balances(tx: &Transaction<'_>, payment: PaymentId) -> Result<Vec<Balance>> {
    let rows = tx.query_typed(BALANCES_SQL, params![INT8: payment.get()]).await?;
    rows.iter()
        .map(|row| {
            let event = row.col::<Option<i64>>("event_id")?.map(EventId::new);
            let account = Account::parse(row.col("account")?, event);
            Ok(Balance {
                account: account.ok_or(DbError::Value("ledger_entries.account"))?,
                amount: row.rupiah("amount")?,
            })
        })
        .collect()
}

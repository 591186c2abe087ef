//! Payments with what they brought for each event.

use super::Filter;
use crate::error::Result;
use crate::sql::{RowExt as _, params};
use domain::payment::PaymentStatus;
use domain::{EventId, PaymentId, Rupiah, Timestamp, UserId};
use tokio_postgres::{Client, Row};

/// What a payment brought for one event.
#[derive(Debug, Clone)]
pub struct ExportedPayment {
    /// The payment.
    pub id: PaymentId,
    /// What the order is called.
    pub order_code: String,
    /// Where it stands.
    pub status: PaymentStatus,
    /// Who pays.
    pub user_id: UserId,
    /// The event.
    pub event_id: EventId,
    /// What it is called.
    pub event_name: String,
    /// Tickets of it.
    pub tickets: u32,
    /// What they cost.
    pub price: Rupiah,
    /// Taken off.
    pub discount: Rupiah,
    /// Service fees.
    pub fee: Rupiah,
    /// Taxes.
    pub tax: Rupiah,
    /// What is charged for it.
    pub charged: Rupiah,
    /// What went back out of its takings.
    pub refunded: Rupiah,
    /// How it was paid: in the gateway's words, or `manual_transfer`.
    pub method: Option<String>,
    /// When it was begun.
    pub begun: Timestamp,
    /// When money is first known to have come in.
    pub settled: Option<Timestamp>,
}

const EXPORT_SQL: &str = "
    with chosen as (
        select p.id, p.order_id, o.code, p.status, p.user_id, p.method, p.payment_date, p.settled_at
        from payments p join orders o on o.id = p.order_id
        where ($1::bigint is null or p.user_id = $1) and ($2::text is null or p.status = $2)
          and ($4::timestamptz is null or p.payment_date >= $4) and ($5::timestamptz is null or p.payment_date < $5)
          and ($6::text is null or o.code = $6) and ($7::bigint is null or p.id > $7)
          and (not $10 or p.paid_twice)
          and exists (
              select 1 from order_items l join ticket_types t on t.id = l.ticket_type_id join events e on e.id = t.event_id
              where l.order_id = p.order_id and ($3::bigint is null or e.id = $3) and ($8::bigint is null or e.organizer_id = $8))
        order by p.id limit $9
    )
    select c.id, c.code as order_code, c.status, c.user_id, e.id as event_id, e.name as event_name,
           sum(l.quantity)::int as tickets, sum(l.unit_price * l.quantity)::bigint as price,
           sum(l.discount)::bigint as discount, sum(l.fee)::bigint as fee, sum(l.tax)::bigint as tax,
           sum(l.charged)::bigint as charged,
           (select coalesce(sum(part.amount), 0)::bigint from refund_parts part join refunds r on r.id = part.refund_id
            where r.payment_id = c.id and part.event_id = e.id and r.status in ('succeeded', 'done')) as refunded,
           case c.method when 'manual_transfer' then c.method else (
               select min(g.payment_type) from payment_transactions g where g.payment_id = c.id
               and g.status in ('captured', 'paid', 'partially_refunded', 'refunded', 'reversed')) end as method,
           c.payment_date, c.settled_at
    from chosen c join order_items l on l.order_id = c.order_id join ticket_types t on t.id = l.ticket_type_id
    join events e on e.id = t.event_id
    where ($3::bigint is null or e.id = $3) and ($8::bigint is null or e.organizer_id = $8)
    group by c.id, c.code, c.status, c.user_id, c.method, c.payment_date, c.settled_at, e.id, e.name
    order by c.id, e.id";

/// Payments with what they brought for each event, the oldest first: for all events, or for those of an organizer. At most
/// so many payments after one, and whether there are more.
pub async fn export(
    db: &Client,
    filter: &Filter<'_>,
    organizer: Option<UserId>,
    after: Option<PaymentId>,
    limit: u32,
) -> Result<(Vec<ExportedPayment>, bool)> {
    let (payer, event) = (filter.payer.map(UserId::get), filter.event.map(EventId::get));
    let status = filter.status.map(PaymentStatus::as_str);
    let (from, until) = (
        filter.from.map(Timestamp::inner),
        filter.until.map(Timestamp::inner),
    );
    let (after, organizer) = (after.map(PaymentId::get), organizer.map(UserId::get));
    let params = params![
        INT8: payer, TEXT: status, INT8: event, TIMESTAMPTZ: from, TIMESTAMPTZ: until, TEXT: filter.order_code, INT8: after,
        INT8: organizer, INT8: i64::from(limit) + 1, BOOL: filter.paid_twice,
    ];
    let rows = db.query_typed(EXPORT_SQL, params).await?;
    let mut payments = Vec::with_capacity(rows.len());
    let (mut seen, mut last) = (0, None);
    for row in &rows {
        let payment = read_exported(row)?;
        if last != Some(payment.id) {
            seen += 1;
            last = Some(payment.id);
        }
        if seen > limit {
            return Ok((payments, true));
        }
        payments.push(payment);
    }
    Ok((payments, false))
}

fn read_exported(row: &Row) -> Result<ExportedPayment> {
    Ok(ExportedPayment {
        id: row.id("id", PaymentId::new)?,
        order_code: row.col("order_code")?,
        status: row.word("status", PaymentStatus::parse)?,
        user_id: row.id("user_id", UserId::new)?,
        event_id: row.id("event_id", EventId::new)?,
        event_name: row.col("event_name")?,
        tickets: row.count("tickets")?,
        price: row.rupiah("price")?,
        discount: row.rupiah("discount")?,
        fee: row.rupiah("fee")?,
        tax: row.rupiah("tax")?,
        charged: row.rupiah("charged")?,
        refunded: row.rupiah("refunded")?,
        method: row.col("method")?,
        begun: row.time("payment_date")?,
        settled: row.time_opt("settled_at")?,
    })
}

//! What was sold, earned and used, by event and period. Periods are those of the event's own time zone; money is read from the
//! ledger, so a report and the books cannot part.

use crate::error::Result;
use crate::sql::{RowExt as _, params};
use domain::report::Interval;
use domain::{EventId, Timestamp, UserId};
use tokio_postgres::{Client, Row};

/// What a report is about. Absent fields do not restrict.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    /// The events of that organizer.
    pub organizer: Option<UserId>,
    /// That event.
    pub event: Option<EventId>,
    /// From that time on.
    pub from: Option<Timestamp>,
    /// Before that time.
    pub until: Option<Timestamp>,
}

/// A period of an event.
#[derive(Debug, Clone)]
pub struct Period {
    /// The event.
    pub event: EventId,
    /// What it is called.
    pub event_name: String,
    /// The zone in which the period is one.
    pub zone: String,
    /// Its first day, `2030-01-31`.
    pub start: String,
}

/// What was sold in a period.
#[derive(Debug, Clone)]
pub struct Sales {
    /// Which period.
    pub period: Period,
    /// Orders that were paid.
    pub orders: i64,
    /// Tickets that were issued.
    pub tickets: i64,
    /// Rupiah of the tickets before anything is taken off.
    pub price: i64,
    /// What promo codes took off.
    pub discount: i64,
    /// Service fees.
    pub fee: i64,
    /// Taxes.
    pub tax: i64,
    /// What was charged: price less discount, fee and tax.
    pub charged: i64,
    /// Tickets that were taken back, whenever they were sold.
    pub tickets_returned: i64,
    /// What was given back, whenever it was paid, banks included that took it.
    pub returned: i64,
}

// The lines of paid orders beside the moves back, each in the period in which it happened.
const SALES_SQL: &str = "
    with own as (
        select id, name, time_zone from events e
        where ($1::bigint is null or e.organizer_id = $1) and ($2::bigint is null or e.id = $2)
    ), happened as (
        select own.id, o.paid_at as at, i.order_id, i.quantity as tickets, i.unit_price * i.quantity as price, i.discount,
               i.fee, i.tax, i.charged, 0 as tickets_returned, 0 as returned
        from own join ticket_types t on t.event_id = own.id join order_items i on i.ticket_type_id = t.id
        join orders o on o.id = i.order_id
        where o.paid_at is not null
        union all
        select own.id, t.voided_at, null, 0, 0, 0, 0, 0, 0, 1, 0
        from own join issued_tickets t on t.event_id = own.id where t.voided_at is not null
        union all
        select own.id, p.at, null, 0, 0, 0, 0, 0, 0, 0, e.debit
        from own join ledger_entries e on e.event_id = own.id join ledger_postings p on p.id = e.posting_id
        where e.debit > 0
    )
    select own.id as event_id, own.name, own.time_zone,
           to_char(date_trunc($5, h.at at time zone own.time_zone), 'YYYY-MM-DD') as start,
           count(distinct h.order_id) as orders, sum(h.tickets)::bigint as tickets, sum(h.price)::bigint as price,
           sum(h.discount)::bigint as discount, sum(h.fee)::bigint as fee, sum(h.tax)::bigint as tax,
           sum(h.charged)::bigint as charged, sum(h.tickets_returned)::bigint as tickets_returned,
           sum(h.returned)::bigint as returned
    from happened h join own on own.id = h.id
    where ($3::timestamptz is null or h.at >= $3) and ($4::timestamptz is null or h.at < $4)
    group by 1, 2, 3, 4 order by 1, 4 limit $6";

/// What was sold, by event and period, at most so many rows.
pub async fn sales(db: &Client, scope: Scope, interval: Interval, limit: u32) -> Result<Vec<Sales>> {
    let (organizer, event) = (scope.organizer.map(UserId::get), scope.event.map(EventId::get));
    let (from, until) = (
        scope.from.map(Timestamp::inner),
        scope.until.map(Timestamp::inner),
    );
    let params = params![
        INT8: organizer, INT8: event, TIMESTAMPTZ: from, TIMESTAMPTZ: until, TEXT: interval.as_str(),
        INT8: i64::from(limit),
    ];
    let rows = db.query_typed(SALES_SQL, params).await?;
    rows.iter()
        .map(|row| {
            Ok(Sales {
                period: period(row)?,
                orders: row.col("orders")?,
                tickets: row.col("tickets")?,
                price: row.col("price")?,
                discount: row.col("discount")?,
                fee: row.col("fee")?,
                tax: row.col("tax")?,
                charged: row.col("charged")?,
                tickets_returned: row.col("tickets_returned")?,
                returned: row.col("returned")?,
            })
        })
        .collect()
}

/// What the books of an event got in a period: charges less what went back in it, which may be negative.
#[derive(Debug, Clone)]
pub struct Revenue {
    /// Which period.
    pub period: Period,
    /// What came in.
    pub charged: i64,
    /// What was given back.
    pub refunded: i64,
    /// What payers' banks took back.
    pub reversed: i64,
    /// What is left for the organizer.
    pub organizer: i64,
    /// What is left of service fees.
    pub fees: i64,
    /// What is left of taxes.
    pub tax: i64,
    /// What of these three buyers transferred to the organizer's own account: the platform does not have it to pay it out.
    pub transferred: i64,
}

const REVENUE_SQL: &str = "
    select own.id as event_id, own.name, own.time_zone,
           to_char(date_trunc($5, p.at at time zone own.time_zone), 'YYYY-MM-DD') as start,
           coalesce(sum(e.credit) filter (where p.kind = 'charge'), 0)::bigint as charged,
           coalesce(sum(e.debit) filter (where p.kind = 'refund'), 0)::bigint as refunded,
           coalesce(sum(e.debit) filter (where p.kind = 'reversal'), 0)::bigint as reversed,
           coalesce(sum(e.credit - e.debit) filter (where e.account = 'organizer'), 0)::bigint as organizer,
           coalesce(sum(e.credit - e.debit) filter (where e.account = 'fees'), 0)::bigint as fees,
           coalesce(sum(e.credit - e.debit) filter (where e.account = 'tax'), 0)::bigint as tax,
           coalesce(sum(e.credit - e.debit) filter (where m.method = 'manual_transfer'), 0)::bigint as transferred
    from events own join ledger_entries e on e.event_id = own.id join ledger_postings p on p.id = e.posting_id
    join payments m on m.id = p.payment_id
    where ($1::bigint is null or own.organizer_id = $1) and ($2::bigint is null or own.id = $2)
      and ($3::timestamptz is null or p.at >= $3) and ($4::timestamptz is null or p.at < $4)
    group by 1, 2, 3, 4 order by 1, 4 limit $6";

/// What the books got, by event and period, at most so many rows.
pub async fn revenue(db: &Client, scope: Scope, interval: Interval, limit: u32) -> Result<Vec<Revenue>> {
    let (organizer, event) = (scope.organizer.map(UserId::get), scope.event.map(EventId::get));
    let (from, until) = (
        scope.from.map(Timestamp::inner),
        scope.until.map(Timestamp::inner),
    );
    let params = params![
        INT8: organizer, INT8: event, TIMESTAMPTZ: from, TIMESTAMPTZ: until, TEXT: interval.as_str(),
        INT8: i64::from(limit),
    ];
    let rows = db.query_typed(REVENUE_SQL, params).await?;
    rows.iter()
        .map(|row| {
            Ok(Revenue {
                period: period(row)?,
                charged: row.col("charged")?,
                refunded: row.col("refunded")?,
                reversed: row.col("reversed")?,
                organizer: row.col("organizer")?,
                fees: row.col("fees")?,
                tax: row.col("tax")?,
                transferred: row.col("transferred")?,
            })
        })
        .collect()
}

/// How many of those with tickets of an event that begins in a period were there.
#[derive(Debug, Clone)]
pub struct Attendance {
    /// The period in which the event begins.
    pub period: Period,
    /// Tickets that may be sold.
    pub capacity: i64,
    /// Tickets that are good or were used.
    pub tickets: i64,
    /// Tickets with which somebody went in.
    pub used: i64,
    /// Tickets that were taken back.
    pub returned: i64,
}

const ATTENDANCE_SQL: &str = "
    select e.id as event_id, e.name, e.time_zone,
           to_char(date_trunc($5, e.date at time zone e.time_zone), 'YYYY-MM-DD') as start,
           (select coalesce(sum(t.capacity), 0) from ticket_types t where t.event_id = e.id)::bigint as capacity,
           count(i.id) filter (where i.status <> 'void') as tickets, count(i.id) filter (where i.status = 'used') as used,
           count(i.id) filter (where i.status = 'void') as returned
    from events e left join issued_tickets i on i.event_id = e.id
    where ($1::bigint is null or e.organizer_id = $1) and ($2::bigint is null or e.id = $2)
      and ($3::timestamptz is null or e.date >= $3) and ($4::timestamptz is null or e.date < $4)
    group by e.id order by 4, 1 limit $6";

/// Who was there, by event, at most so many rows.
pub async fn attendance(
    db: &Client,
    scope: Scope,
    interval: Interval,
    limit: u32,
) -> Result<Vec<Attendance>> {
    let (organizer, event) = (scope.organizer.map(UserId::get), scope.event.map(EventId::get));
    let (from, until) = (
        scope.from.map(Timestamp::inner),
        scope.until.map(Timestamp::inner),
    );
    let params = params![
        INT8: organizer, INT8: event, TIMESTAMPTZ: from, TIMESTAMPTZ: until, TEXT: interval.as_str(),
        INT8: i64::from(limit),
    ];
    let rows = db.query_typed(ATTENDANCE_SQL, params).await?;
    rows.iter()
        .map(|row| {
            Ok(Attendance {
                period: period(row)?,
                capacity: row.col("capacity")?,
                tickets: row.col("tickets")?,
                used: row.col("used")?,
                returned: row.col("returned")?,
            })
        })
        .collect()
}

fn period(row: &Row) -> Result<Period> {
    Ok(Period {
        event: row.id("event_id", EventId::new)?,
        event_name: row.col("name")?,
        zone: row.col("time_zone")?,
        start: row.col("start")?,
    })
}

//! The calling off of an event. The transaction that cancels it only writes that it is to be worked off; then its paid orders
//! are taken one by one, each in a transaction of its own. Which are left follows from the tickets that are still good, so a
//! crash anywhere loses nothing and repeats nothing, and two at the same work wait for each other at the order.

use crate::error::Result;
use crate::refunds::{self, Asked};
use crate::settlement::{self, RandomId};
use crate::sql::{RowExt as _, params};
use crate::{issued, notifications, orders, outbox, payments};
use domain::message::{Mail, Outgoing};
use domain::notice::Notice;
use domain::order::OrderStatus;
use domain::refund::{Cause, RefundStatus, plan_of_cancelled, promised};
use domain::{Error, EventId, OrderId, Rupiah, Timestamp, UserId};
use tokio_postgres::{Client, Transaction};

const START_SQL: &str =
    "insert into event_cancellations (event_id, started_by, started_at) values ($1, $2, $3)";

/// Notes, with the cancellation of an event, that its orders are to be worked off.
pub async fn start(tx: &Transaction<'_>, event: EventId, by: UserId, now: Timestamp) -> Result<()> {
    let params = params![INT8: event.get(), INT8: by.get(), TIMESTAMPTZ: now.inner()];
    tx.execute_typed(START_SQL, params).await?;
    Ok(())
}

const UNFINISHED_SQL: &str =
    "select event_id from event_cancellations where finished_at is null order by started_at limit $1";

/// Events whose orders are not all worked off, the first called off first.
pub async fn unfinished(db: &Client, limit: u32) -> Result<Vec<EventId>> {
    let limit = i64::from(limit);
    let rows = db.query_typed(UNFINISHED_SQL, params![INT8: limit]).await?;
    rows.iter().map(|row| row.id("event_id", EventId::new)).collect()
}

const WAITING_SQL: &str = "
    select distinct i.order_id as id from issued_tickets t join order_items i on i.id = t.order_item_id
    join orders o on o.id = i.order_id
    where t.event_id = $1 and t.status <> 'void' and o.status = 'paid' and o.id > $3 order by 1 limit $2";

/// Paid orders after that one, by their ids, that still have good tickets of an event.
pub async fn waiting(
    db: &Client,
    event: EventId,
    after: Option<OrderId>,
    limit: u32,
) -> Result<Vec<OrderId>> {
    let (limit, after) = (i64::from(limit), after.map_or(0, OrderId::get));
    let rows = db
        .query_typed(WAITING_SQL, params![INT8: event.get(), INT8: limit, INT8: after])
        .await?;
    rows.iter().map(|row| row.id("id", OrderId::new)).collect()
}

const NAME_SQL: &str = "
    select e.name, c.started_by from event_cancellations c join events e on e.id = c.event_id where c.event_id = $1";

/// Takes the tickets of a cancelled event back from one order, has its money given back, and tells its buyer. `false` if it
/// has none any more.
///
/// # Errors
/// If the database does not answer; nothing was changed then.
pub async fn work_off(
    tx: &Transaction<'_>,
    event: EventId,
    order: OrderId,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<bool, Error> {
    let Some(order) = orders::lock(tx, order).await? else {
        return Ok(false);
    };
    let Some(payment) = payments::lock_of_order(tx, order.id).await? else {
        return Ok(false);
    };
    let held = refunds::held(&issued::lock_live(tx, order.id).await?);
    if order.status != OrderStatus::Paid || held.iter().all(|ticket| ticket.event != event) {
        return Ok(false);
    }
    let takings = refunds::takings(tx.client(), order.id, None).await?;
    let of_event = takings.iter().find(|takings| takings.event == event);
    let of_event = of_event.map_or(Rupiah::ZERO, |takings| takings.left);
    let known = refunds::known(&refunds::of_payment(tx.client(), payment.id).await?);
    let of_payment = payment.amount.minus(promised(&known)).unwrap_or(Rupiah::ZERO);
    let plan = plan_of_cancelled(event, &held, of_event.min(of_payment));
    let row = tx
        .query_typed_one(NAME_SQL, params![INT8: event.get()])
        .await
        .map_err(crate::DbError::from)?;
    let name: &str = row.col("name")?;
    let notice = Notice::EventCancelled {
        event: name.to_owned(),
    };
    // Who paid and who has the tickets may be two; somebody with two orders is told once.
    for holder in issued::holders(tx, order.id, event).await? {
        notifications::tell(tx, holder, &notice, &event.to_string(), now).await?;
    }
    notifications::tell(tx, order.user_id, &notice, &event.to_string(), now).await?;
    let reason = format!("{name} was called off");
    let asked = Asked {
        cause: Cause::EventCancelled,
        by: Some(row.id("started_by", UserId::new)?),
        event: Some(event),
        reason: &reason,
    };
    refunds::request(tx, &order, &payment, &asked, &plan, random, now).await?;
    settlement::end_if_free_and_empty(tx, &order, &payment, random, now).await?;
    let order = order.id;
    let mail = Outgoing::mail(random(), Mail::EventCancelled { order, event })?;
    outbox::insert(tx, &mail, now).await?;
    Ok(true)
}

const FINISH_SQL: &str = "
    update event_cancellations set finished_at = $2
    where event_id = $1 and finished_at is null and not exists (
        select 1 from issued_tickets t join order_items i on i.id = t.order_item_id join orders o on o.id = i.order_id
        where t.event_id = $1 and t.status <> 'void' and o.status = 'paid')";

/// Notes that all orders of a cancelled event are worked off, if they are.
pub async fn finish(db: &Client, event: EventId, now: Timestamp) -> Result<bool> {
    let params = params![INT8: event.get(), TIMESTAMPTZ: now.inner()];
    Ok(db.execute_typed(FINISH_SQL, params).await? > 0)
}

/// Orders of a cancelled event in one state, and their money.
#[derive(Debug, Clone, Copy)]
pub struct Tally {
    /// The state.
    pub status: RefundStatus,
    /// How many orders.
    pub orders: i64,
    /// Rupiah of their refunds.
    pub amount: i64,
}

/// How far the calling off of an event is.
#[derive(Debug, Clone)]
pub struct Progress {
    /// When it was called off.
    pub started_at: Timestamp,
    /// When its last order was worked off.
    pub finished_at: Option<Timestamp>,
    /// Orders that are still to be worked off.
    pub waiting: i64,
    /// Those that were, by what became of their money.
    pub tallies: Vec<Tally>,
}

const PROGRESS_SQL: &str = "
    select c.started_at, c.finished_at,
           (select count(distinct i.order_id) from issued_tickets t join order_items i on i.id = t.order_item_id
            join orders o on o.id = i.order_id
            where t.event_id = c.event_id and t.status <> 'void' and o.status = 'paid') as waiting
    from event_cancellations c join events e on e.id = c.event_id
    where c.event_id = $1 and (e.organizer_id = $2 or $3)";

const TALLIES_SQL: &str = "
    select status, count(*) as orders, sum(amount)::bigint as amount from refunds where event_id = $1 group by 1";

/// How far the calling off of an event of this organizer is, or of any.
pub async fn progress(
    db: &Client,
    event: EventId,
    organizer: UserId,
    any_owner: bool,
) -> Result<Option<Progress>> {
    let params = params![INT8: event.get(), INT8: organizer.get(), BOOL: any_owner];
    let Some(row) = db.query_typed_opt(PROGRESS_SQL, params).await? else {
        return Ok(None);
    };
    let tallies = db.query_typed(TALLIES_SQL, params![INT8: event.get()]).await?;
    let tallies = tallies.iter().map(|row| {
        Ok(Tally {
            status: row.word("status", RefundStatus::parse)?,
            orders: row.col("orders")?,
            amount: row.col("amount")?,
        })
    });
    Ok(Some(Progress {
        started_at: row.time("started_at")?,
        finished_at: row.time_opt("finished_at")?,
        waiting: row.col("waiting")?,
        tallies: tallies.collect::<Result<_>>()?,
    }))
}

//! Money on its way back. Every function that writes works on an order and a payment that are locked, in this order: two
//! refunds of one payment are made one after the other, and each sees what the other has promised.

use crate::error::{DbError, Result};
use crate::issued::LiveTicket;
use crate::orders::Order;
use crate::payments::Payment;
use crate::settlement::RandomId;
use crate::sql::{RowExt as _, params};
use crate::{handovers, issued, notifications, outbox, stock, webhook_deliveries};
use domain::message::{Mail, Outgoing, RefundWork};
use domain::notice::Notice;
use domain::page::Page;
use domain::price::share;
use domain::refund::{By, Cause, Held, Known, Plan, RefundStatus, Takings, Way, pause};
use domain::{Error, EventId, IssuedTicketId, OrderId, PaymentId, RefundId, Rupiah, Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// A refund.
#[derive(Debug, Clone)]
pub struct Refund {
    /// Its id.
    pub id: RefundId,
    /// Of which payment.
    pub payment_id: PaymentId,
    /// Of which order.
    pub order_id: OrderId,
    /// Code of the order.
    pub order_code: String,
    /// What the gateway knows it by.
    pub key: String,
    /// How much.
    pub amount: Rupiah,
    /// Why, for people.
    pub reason: String,
    /// Why it is there.
    pub cause: Cause,
    /// The event whose calling off made it.
    pub event_id: Option<EventId>,
    /// Who asked for it; `None` if nobody had to.
    pub asked_by: Option<UserId>,
    /// Where it stands.
    pub status: RefundStatus,
    /// How often the gateway was asked.
    pub attempts: u32,
    /// When it was asked first.
    pub first_try_at: Option<Timestamp>,
    /// What was in the way last.
    pub last_error: Option<String>,
    /// By which a transfer is found again at the bank.
    pub reference: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The tickets that it took back.
    pub tickets: Vec<IssuedTicketId>,
    /// Out of whose takings.
    pub parts: Vec<(EventId, Rupiah)>,
}

macro_rules! refund_columns {
    () => {
        "r.id, r.payment_id, p.order_id, o.code as order_code, r.key, r.amount, r.reason, r.cause, r.event_id, r.asked_by,
        r.status, r.attempts, r.first_try_at, r.last_error, r.reference, r.created_at, r.finished_at,
        array(select ticket_id from refund_tickets where refund_id = r.id order by ticket_id) as tickets,
        array(select event_id from refund_parts where refund_id = r.id order by event_id) as part_events,
        array(select amount from refund_parts where refund_id = r.id order by event_id) as part_amounts"
    };
}

macro_rules! refund_rows {
    () => {
        " from refunds r join payments p on p.id = r.payment_id join orders o on o.id = p.order_id "
    };
}

const FIND_SQL: &str = concat!("select ", refund_columns!(), refund_rows!(), "where r.id = $1");

/// A refund.
pub async fn find(db: &Client, id: RefundId) -> Result<Option<Refund>> {
    let row = db.query_typed_opt(FIND_SQL, params![INT8: id.get()]).await?;
    row.as_ref().map(read).transpose()
}

const OF_PAYMENT_SQL: &str = concat!(
    "select ",
    refund_columns!(),
    refund_rows!(),
    "where r.payment_id = $1 order by r.id"
);

/// The refunds of a payment, the oldest first.
pub async fn of_payment(db: &Client, payment: PaymentId) -> Result<Vec<Refund>> {
    let rows = db
        .query_typed(OF_PAYMENT_SQL, params![INT8: payment.get()])
        .await?;
    rows.iter().map(read).collect()
}

/// The same without what does not matter to others of the payment.
pub fn known(refunds: &[Refund]) -> Vec<Known> {
    let known = refunds.iter().map(|refund| Known {
        id: refund.id,
        amount: refund.amount,
        status: refund.status,
    });
    known.collect()
}

/// What somebody is to a payment.
#[derive(Debug, Clone, Copy)]
pub struct Access {
    /// The order that it pays.
    pub order: OrderId,
    /// As whom they may give back of it.
    pub by: By,
}

const ACCESS_SQL: &str = "
    select * from (
        select p.order_id, p.user_id = $2 as pays, exists (
            select 1 from order_items i join ticket_types t on t.id = i.ticket_type_id join events e on e.id = t.event_id
            where i.order_id = p.order_id and e.organizer_id = $2) as organizes
        from payments p where p.id = $1
    ) found
    where pays or organizes or $3";

/// As whom somebody may give back of a payment. `None` if it is none of their business. Who organizes an event and paid for a
/// ticket of it is its organizer.
pub async fn access(
    db: &Client,
    payment: PaymentId,
    caller: UserId,
    is_admin: bool,
) -> Result<Option<Access>> {
    let params = params![INT8: payment.get(), INT8: caller.get(), BOOL: is_admin];
    let row = db.query_typed_opt(ACCESS_SQL, params).await?;
    row.as_ref()
        .map(|row| {
            Ok(Access {
                order: row.id("order_id", OrderId::new)?,
                by: match row.col("organizes")? {
                    _ if is_admin => By::Admin,
                    true => By::Organizer,
                    false => By::Buyer,
                },
            })
        })
        .transpose()
}

const TAKINGS_SQL: &str = "
    select t.event_id, $2::bigint is null or e.organizer_id = $2 as own,
           (sum(i.charged) - coalesce((
               select sum(part.amount) from refund_parts part join refunds r on r.id = part.refund_id
               join payments p on p.id = r.payment_id
               where p.order_id = $1 and part.event_id = t.event_id and r.status <> 'failed'), 0))::bigint as left_over,
           e.date - make_interval(hours => e.refund_hours) as buyers_until
    from order_items i join ticket_types t on t.id = i.ticket_type_id join events e on e.id = t.event_id
    where i.order_id = $1 group by t.event_id, e.id order by t.event_id";

/// The events of an order with what of their takings is left. With an organizer only their events are the caller's own.
pub async fn takings(db: &Client, order: OrderId, organizer: Option<UserId>) -> Result<Vec<Takings>> {
    let params = params![INT8: order.get(), INT8: organizer.map(UserId::get)];
    let rows = db.query_typed(TAKINGS_SQL, params).await?;
    rows.iter()
        .map(|row| {
            Ok(Takings {
                event: row.id("event_id", EventId::new)?,
                own: row.col("own")?,
                left: row.rupiah("left_over")?,
                buyers_until: row.time_opt("buyers_until")?,
            })
        })
        .collect()
}

/// Tickets as the rules see them.
pub fn held(tickets: &[LiveTicket]) -> Vec<Held> {
    let held = tickets.iter().map(|ticket| Held {
        id: ticket.id,
        event: ticket.event_id,
        worth: share(ticket.charged, ticket.quantity, ticket.unit),
        used: ticket.used,
    });
    held.collect()
}

/// Why a refund is made.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Why it is there.
    pub cause: Cause,
    /// Who asked; `None` if nobody had to.
    pub by: Option<UserId>,
    /// The event whose calling off makes it.
    pub event: Option<EventId>,
    /// Why, for people.
    pub reason: &'a str,
}

const METHOD_SQL: &str = "
    select payment_type from payment_transactions
    where payment_id = $1 and status in ('captured', 'paid', 'partially_refunded') and payment_type is not null
    order by updated_at desc limit 1";

/// What the method by which was paid gives back.
async fn way_of(tx: &Transaction<'_>, payment: PaymentId) -> Result<Way> {
    let row = tx
        .query_typed_opt(METHOD_SQL, params![INT8: payment.get()])
        .await?;
    Ok(match row {
        Some(row) => Way::of(row.col("payment_type")?),
        // No gateway was involved, so none can give it back.
        None => Way::None,
    })
}

const INSERT_SQL: &str = "
    insert into refunds (payment_id, key, amount, reason, cause, event_id, asked_by, status, next_try_at, created_at,
                         updated_at, finished_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11)
    returning id";

const INSERT_TICKETS_SQL: &str =
    "insert into refund_tickets (refund_id, ticket_id) select $1, unnest($2::bigint[])";

const INSERT_PARTS_SQL: &str = "
    insert into refund_parts (refund_id, event_id, amount)
    select $1, part.event_id, part.amount from unnest($2::bigint[], $3::bigint[]) as part (event_id, amount)";

async fn insert(
    tx: &Transaction<'_>,
    payment: PaymentId,
    key: &str,
    asked: &Asked<'_>,
    plan: &Plan,
    status: RefundStatus,
    now: Timestamp,
) -> Result<RefundId> {
    let next_try = (status == RefundStatus::Requested).then(|| now.plus_seconds(pause(1)).inner());
    let finished = (!status.is_open()).then(|| now.inner());
    let params = params![
        INT8: payment.get(), TEXT: key, INT8: plan.amount.get(), TEXT: asked.reason, TEXT: asked.cause.as_str(),
        INT8: asked.event.map(EventId::get), INT8: asked.by.map(UserId::get), TEXT: status.as_str(), TIMESTAMPTZ: next_try,
        TIMESTAMPTZ: now.inner(), TIMESTAMPTZ: finished,
    ];
    let id = tx
        .query_typed_one(INSERT_SQL, params)
        .await?
        .id("id", RefundId::new)?;
    if !plan.tickets.is_empty() {
        let tickets: Vec<i64> = plan.tickets.iter().map(|ticket| ticket.get()).collect();
        tx.execute_typed(INSERT_TICKETS_SQL, params![INT8: id.get(), INT8_ARRAY: tickets])
            .await?;
    }
    if !plan.parts.is_empty() {
        let events: Vec<i64> = plan.parts.iter().map(|(event, _)| event.get()).collect();
        let amounts: Vec<i64> = plan.parts.iter().map(|(_, amount)| amount.get()).collect();
        tx.execute_typed(
            INSERT_PARTS_SQL,
            params![INT8: id.get(), INT8_ARRAY: events, INT8_ARRAY: amounts],
        )
        .await?;
    }
    Ok(id)
}

/// Makes a refund that was planned under the locks of its order and payment: its tickets become void and go back on sale, and
/// whoever has to give the money back is told through the outbox. What costs nothing has gone back with it.
///
/// # Errors
/// If the database does not answer; nothing was changed then.
pub async fn request(
    tx: &Transaction<'_>,
    order: &Order,
    payment: &Payment,
    asked: &Asked<'_>,
    plan: &Plan,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<(RefundId, Vec<Outgoing>), Error> {
    let status = if plan.amount == Rupiah::ZERO {
        RefundStatus::Succeeded
    } else if way_of(tx, payment.id).await?.gives(plan.amount, payment.paid()) {
        RefundStatus::Requested
    } else {
        RefundStatus::Manual
    };
    let key = format!("refund-{}", random());
    let id = insert(tx, payment.id, &key, asked, plan, status, now).await?;
    issued::void(tx, &plan.tickets, now).await?;
    let called_off = asked.cause == Cause::EventCancelled;
    let mails = handovers::tell_of_void(tx, order.user_id, &plan.tickets, called_off, now).await?;
    stock::unsell(tx, &plan.tickets).await?;
    let mails = mails.into_iter().map(|mail| Outgoing::mail(random(), mail));
    let mut messages = mails.collect::<Result<Vec<_>, _>>()?;
    // Who is told of a cancelled event or of late money gets a letter about that.
    let told = !matches!(asked.cause, Cause::Request | Cause::WrongAmount);
    match status {
        RefundStatus::Requested => {
            messages.push(Outgoing::refund(random(), RefundWork { refund: id })?);
            if !told {
                messages.push(Outgoing::mail(random(), Mail::RefundStarted { refund: id })?);
            }
        }
        RefundStatus::Manual => {
            tracing::warn!(
                order = order.code,
                refund = id.get(),
                "people have to transfer money back"
            );
            messages.push(Outgoing::mail(random(), Mail::RefundManual { refund: id })?);
        }
        _ if !told => messages.push(Outgoing::mail(random(), Mail::RefundDone { refund: id })?),
        _ => {}
    }
    outbox::insert_all(tx, &messages, now).await?;
    let notice: Option<fn(String, Rupiah) -> Notice> = match status {
        RefundStatus::Manual => Some(|order, amount| Notice::RefundManual { order, amount }),
        _ if told => None,
        RefundStatus::Requested => Some(|order, amount| Notice::RefundStarted { order, amount }),
        _ => Some(|order, amount| Notice::RefundDone { order, amount }),
    };
    if let Some(notice) = notice {
        tell_buyer(tx, id, notice, now).await?;
    }
    if status.gave_back() {
        // No money has to come back first, so this is when it is told.
        messages.extend(webhook_deliveries::tell_of_refund(tx, order, id, random, now).await?);
    }
    Ok((id, messages))
}

const BUYER_SQL: &str = "
    select o.user_id, o.code, r.amount from refunds r join payments p on p.id = r.payment_id join orders o on o.id = p.order_id
    where r.id = $1";

/// Tells the buyer what became of a refund of a locked payment.
pub(crate) async fn tell_buyer(
    tx: &Transaction<'_>,
    id: RefundId,
    notice: impl FnOnce(String, Rupiah) -> Notice,
    now: Timestamp,
) -> Result<()> {
    let row = tx.query_typed_one(BUYER_SQL, params![INT8: id.get()]).await?;
    let (buyer, notice) = (
        row.id("user_id", UserId::new)?,
        notice(row.col("code")?, row.rupiah("amount")?),
    );
    notifications::tell(tx, buyer, &notice, &id.to_string(), now).await?;
    Ok(())
}

/// Writes down money that the gateway gave back without having been asked by this program.
pub(crate) async fn insert_foreign(
    tx: &Transaction<'_>,
    payment: &Payment,
    key: &str,
    reason: &str,
    plan: &Plan,
    now: Timestamp,
) -> Result<RefundId> {
    let asked = Asked {
        cause: Cause::Gateway,
        by: None,
        event: None,
        reason,
    };
    insert(tx, payment.id, key, &asked, plan, RefundStatus::Succeeded, now).await
}

const CLOSE_SQL: &str = "
    update refunds
    set status = $2, next_try_at = null, finished_at = $3, updated_at = $3, last_error = coalesce($4, last_error),
        reference = $5, closed_by = $6
    where id = $1";

/// Ends a refund of a locked payment.
pub(crate) async fn close(
    tx: &Transaction<'_>,
    id: RefundId,
    status: RefundStatus,
    error: Option<&str>,
    transfer: Option<(&str, UserId)>,
    now: Timestamp,
) -> Result<()> {
    let reference = transfer.map(|(reference, _)| reference);
    let by = transfer.map(|(_, by)| by.get());
    let params = params![
        INT8: id.get(), TEXT: status.as_str(), TIMESTAMPTZ: now.inner(), TEXT: error, TEXT: reference, INT8: by,
    ];
    tx.execute_typed(CLOSE_SQL, params).await?;
    Ok(())
}

const ATTEMPT_SQL: &str = "
    update refunds
    set attempts = attempts + 1, first_try_at = coalesce(first_try_at, $2), next_try_at = $3, updated_at = $2
    where id = $1 and status = 'requested'";

/// Notes, before the gateway is asked, that it is, and when it will be again if this attempt is never heard of. `false` if
/// there is nothing to ask any more.
pub async fn begin_attempt(db: &Client, refund: &Refund, now: Timestamp) -> Result<bool> {
    let next = now.plus_seconds(pause(refund.attempts + 1));
    let params = params![INT8: refund.id.get(), TIMESTAMPTZ: now.inner(), TIMESTAMPTZ: next.inner()];
    Ok(db.execute_typed(ATTEMPT_SQL, params).await? > 0)
}

const PUT_OFF_SQL: &str = "
    update refunds set last_error = $2, next_try_at = coalesce($3, next_try_at), updated_at = $4
    where id = $1 and status = 'requested'";

/// Notes what was in the way, and when to try again if it is not by the usual pause.
pub async fn put_off(
    db: &Client,
    id: RefundId,
    error: &str,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<()> {
    let until = until.map(Timestamp::inner);
    let params = params![INT8: id.get(), TEXT: error, TIMESTAMPTZ: until, TIMESTAMPTZ: now.inner()];
    db.execute_typed(PUT_OFF_SQL, params).await?;
    Ok(())
}

const TO_PEOPLE_SQL: &str = "
    update refunds set status = 'manual', next_try_at = null, last_error = $2, updated_at = $3
    where id = $1 and status = 'requested'";

/// Leaves a refund to people and writes to its buyer. Nothing happens to one that has ended meanwhile.
///
/// # Errors
/// If the database does not answer; nothing was changed then.
pub async fn leave_to_people(
    tx: &Transaction<'_>,
    id: RefundId,
    why: &str,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<Vec<Outgoing>, Error> {
    let params = params![INT8: id.get(), TEXT: why, TIMESTAMPTZ: now.inner()];
    let changed = tx.execute_typed(TO_PEOPLE_SQL, params).await;
    if changed.map_err(DbError::from)? == 0 {
        return Ok(Vec::new());
    }
    let manual = |order, amount| Notice::RefundManual { order, amount };
    tell_buyer(tx, id, manual, now).await?;
    let mail = Outgoing::mail(random(), Mail::RefundManual { refund: id })?;
    outbox::insert(tx, &mail, now).await?;
    Ok(vec![mail])
}

const DUE_SQL: &str = "
    update refunds set next_try_at = $3
    where id in (
        select id from refunds where status = 'requested' and next_try_at <= $1 order by next_try_at limit $2
        for update skip locked
    )
    returning id";

/// Refunds that the gateway is to be asked about now. They are due again at `again`, unless their worker says otherwise.
pub async fn due(
    tx: &Transaction<'_>,
    limit: u32,
    again: Timestamp,
    now: Timestamp,
) -> Result<Vec<RefundId>> {
    let limit = i64::from(limit);
    let params = params![TIMESTAMPTZ: now.inner(), INT8: limit, TIMESTAMPTZ: again.inner()];
    let rows = tx.query_typed(DUE_SQL, params).await?;
    rows.iter().map(|row| row.id("id", RefundId::new)).collect()
}

const LIST_SQL: &str = concat!(
    "select ",
    refund_columns!(),
    ", count(*) over () as total",
    refund_rows!(),
    "where ($1::bigint is null or exists (
            select 1 from order_items i join ticket_types t on t.id = i.ticket_type_id join events e on e.id = t.event_id
            where i.order_id = p.order_id and e.organizer_id = $1)
           and (r.event_id is null or exists (select 1 from events e where e.id = r.event_id and e.organizer_id = $1)))
      and ($2::text is null or r.status = $2) and ($3::bigint is null or exists (
            select 1 from refund_parts part where part.refund_id = r.id and part.event_id = $3))
    order by r.id desc limit $4 offset $5"
);

/// A page of refunds, newest first, and how many there are: of orders for an organizer's events, or all; in one status, or in
/// any; out of the takings of one event, or of any.
pub async fn list(
    db: &Client,
    organizer: Option<UserId>,
    status: Option<RefundStatus>,
    event: Option<EventId>,
    page: Page,
) -> Result<(Vec<Refund>, i64)> {
    let (organizer, status) = (organizer.map(UserId::get), status.map(RefundStatus::as_str));
    let params = params![
        INT8: organizer, TEXT: status, INT8: event.map(EventId::get), INT8: i64::from(page.limit), INT8: page.offset(),
    ];
    let rows = db.query_typed(LIST_SQL, params).await?;
    let total = rows.first().map_or(Ok(0), |row| row.col("total"))?;
    Ok((rows.iter().map(read).collect::<Result<_>>()?, total))
}

const OWN_SQL: &str = "
    select p.order_id from refunds r join payments p on p.id = r.payment_id
    where r.id = $1 and ($3 or (r.cause <> 'wrong_amount' and (r.cause <> 'late_payment' or p.method = 'manual_transfer')
      and exists (
        select 1 from order_items i join ticket_types t on t.id = i.ticket_type_id join events e on e.id = t.event_id
        where i.order_id = p.order_id and e.organizer_id = $2
    ) and not exists (
        select 1 from order_items i join ticket_types t on t.id = i.ticket_type_id join events e on e.id = t.event_id
        where i.order_id = p.order_id and e.organizer_id <> $2
          and (r.cause = 'late_payment' or exists (
              select 1 from refund_parts part where part.refund_id = r.id and part.event_id = e.id)))))";

/// The order of a refund that this organizer pays alone, or of any. What came in for nothing at the gateway is no organizer's:
/// only who may see any gives it back.
pub async fn order_of_own(
    db: &Client,
    id: RefundId,
    organizer: UserId,
    any_owner: bool,
) -> Result<Option<OrderId>> {
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    let row = db.query_typed_opt(OWN_SQL, params).await?;
    row.map(|row| row.id("order_id", OrderId::new)).transpose()
}

fn read(row: &Row) -> Result<Refund> {
    let tickets: Vec<i64> = row.col("tickets")?;
    let events: Vec<i64> = row.col("part_events")?;
    let amounts: Vec<i64> = row.col("part_amounts")?;
    let parts = events.into_iter().zip(amounts).map(|(event, amount)| {
        let amount = Rupiah::new(amount).ok_or(DbError::Value("refund_parts.amount"))?;
        Ok((EventId::new(event), amount))
    });
    Ok(Refund {
        id: row.id("id", RefundId::new)?,
        payment_id: row.id("payment_id", PaymentId::new)?,
        order_id: row.id("order_id", OrderId::new)?,
        order_code: row.col("order_code")?,
        key: row.col("key")?,
        amount: row.rupiah("amount")?,
        reason: row.col("reason")?,
        cause: row.word("cause", Cause::parse)?,
        event_id: row.col::<Option<i64>>("event_id")?.map(EventId::new),
        asked_by: row.col::<Option<i64>>("asked_by")?.map(UserId::new),
        status: row.word("status", RefundStatus::parse)?,
        attempts: row.count("attempts")?,
        first_try_at: row.time_opt("first_try_at")?,
        last_error: row.col("last_error")?,
        reference: row.col("reference")?,
        created_at: row.time("created_at")?,
        finished_at: row.time_opt("finished_at")?,
        tickets: tickets.into_iter().map(IssuedTicketId::new).collect(),
        parts: parts.collect::<Result<_>>()?,
    })
}

const POLICY_SQL: &str = "
    select refund_hours from events where id = $1 and (status <> 'draft' or organizer_id = $2 or $3)";

/// How many hours before an event that somebody may see its buyers may still give tickets back; `Some(None)` if they may not.
pub async fn policy(
    db: &Client,
    event: EventId,
    viewer: Option<UserId>,
    sees_all: bool,
) -> Result<Option<Option<u32>>> {
    let params = params![INT8: event.get(), INT8: viewer.map(UserId::get), BOOL: sees_all];
    let row = db.query_typed_opt(POLICY_SQL, params).await?;
    row.map(|row| row.count_opt("refund_hours")).transpose()
}

const SET_POLICY_SQL: &str = "
    update events e set refund_hours = $4, updated_at = $5
    from (select id, refund_hours from events where id = $1 and (organizer_id = $2 or $3) for update) before
    where e.id = before.id
    returning before.refund_hours";

/// Sets until how many hours before an event of this organizer, or any, its buyers may give tickets back. Returns what it was
/// before, if there is such an event.
pub async fn set_policy(
    tx: &Transaction<'_>,
    event: EventId,
    organizer: UserId,
    any_owner: bool,
    hours: Option<u32>,
    now: Timestamp,
) -> Result<Option<Option<u32>>> {
    let hours = hours.map(crate::ticket_types::int);
    let params = params![
        INT8: event.get(), INT8: organizer.get(), BOOL: any_owner, INT4: hours, TIMESTAMPTZ: now.inner(),
    ];
    let row = tx.query_typed_opt(SET_POLICY_SQL, params).await?;
    row.map(|row| row.count_opt("refund_hours")).transpose()
}

//! Messages to organizers' own systems: written in the transaction of what they tell of, tried until they are taken or given up.
//!
//! The row is the truth; what travels through the queue only says that it is due. Whoever tries it moves its time first: a second
//! worker finds nothing to do, and if the first one dies, it is due again after its lease.

use crate::error::{DbError, Result};
use crate::orders::Order;
use crate::outbox;
use crate::settlement::RandomId;
use crate::sql::{RowExt as _, params};
use crate::webhooks;
use domain::event::EventStatus;
use domain::message::{Outgoing, WebhookWork};
use domain::webhook::{
    DeliveryState, EventData, EventType, LEASE_SECONDS, MOST_REPLAYED, Message, OrderData, OrderLine,
    RefundData, RefundPart, TestData, Verdict,
};
use domain::{
    DeliveryId, Error, EventId, OrderId, RefundId, Rupiah, TicketTypeId, Timestamp, UserId, WebhookId,
};
use tokio_postgres::{Client, Row, Transaction};

/// Seconds after which a delivery that was announced and not tried is announced again.
const PATIENCE_SECONDS: i64 = 300;

/// Deliveries to an endpoint that fails which are announced at a time: a dead one must not fill the queue.
const OF_ONE_ENDPOINT: i64 = 100;

/// Tries of one endpoint under way at a time: a slow one must not hold all workers.
const AT_ONCE: i64 = 2;

/// Seconds after which a delivery is announced again that found enough others of its endpoint under way.
const BUSY_SECONDS: i64 = 5;

/// Who is to be told.
struct Subscriber {
    endpoint: WebhookId,
    owner: UserId,
}

/// Who may be told anything: whose account still publishes and whose endpoint is not disabled. It is locked against its deletion,
/// which must not get between it and its message.
macro_rules! subscribers {
    ($owners:literal, $what:literal) => {
        concat!(
            "select w.id, w.owner_id from webhook_endpoints w join users u on u.id = w.owner_id
             where w.owner_id ",
            $owners,
            " and ",
            $what,
            " = any(w.events) and w.disabled_at is null and u.deleted_at is null
               and u.role in ('organizer', 'admin')
             order by w.id for key share of w"
        )
    };
}

const OF_ORDER_SQL: &str = subscribers!(
    "in (select e.organizer_id from order_items i join ticket_types t on t.id = i.ticket_type_id
         join events e on e.id = t.event_id where i.order_id = $1)",
    "$2"
);

const OF_OWNERS_SQL: &str = subscribers!("= any($1)", "$2");

const LINES_SQL: &str = "
    select e.organizer_id, t.event_id, i.ticket_type_id, i.quantity, i.charged
    from order_items i join ticket_types t on t.id = i.ticket_type_id join events e on e.id = t.event_id
    where i.order_id = $1 order by i.id";

/// Tells of an order that stands elsewhere. Each organizer hears of the lines for their own events alone.
///
/// # Errors
/// If the database does not answer.
pub async fn tell_of_order(
    tx: &Transaction<'_>,
    order: &Order,
    what: EventType,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<Vec<Outgoing>, Error> {
    let params = params![INT8: order.id.get(), TEXT: what.as_str()];
    let subscribers = tx
        .query_typed(OF_ORDER_SQL, params)
        .await
        .map_err(DbError::from)?;
    if subscribers.is_empty() {
        return Ok(Vec::new());
    }
    let subscribers = subscribers.iter().map(subscriber).collect::<Result<Vec<_>>>()?;
    let lines = lines(tx, order.id).await?;
    let mut messages = Vec::new();
    for (owner, endpoints) in by_owner(&subscribers) {
        let own = lines.iter().filter(|(organizer, _)| *organizer == owner);
        let items: Vec<OrderLine> = own.map(|(_, line)| line.clone()).collect();
        let data = OrderData {
            order_id: order.code.clone(),
            total: sum(items.iter().map(|line| line.charged)),
            items,
        };
        let text = Message::text(what, now, data)?;
        messages.extend(insert(tx, &endpoints, what, &text, random, now).await?);
    }
    Ok(messages)
}

async fn lines(tx: &Transaction<'_>, order: OrderId) -> Result<Vec<(UserId, OrderLine)>> {
    let rows = tx.query_typed(LINES_SQL, params![INT8: order.get()]).await?;
    rows.iter()
        .map(|row| {
            let line = OrderLine {
                event_id: row.id("event_id", EventId::new)?,
                ticket_id: row.id("ticket_type_id", TicketTypeId::new)?,
                quantity: row.count("quantity")?,
                charged: row.rupiah("charged")?,
            };
            Ok((row.id("organizer_id", UserId::new)?, line))
        })
        .collect()
}

const REFUND_SQL: &str = "
    select e.organizer_id, part.event_id, sum(part.amount)::bigint as amount, sum(part.tickets)::int as tickets
    from (
        select event_id, amount, 0 as tickets from refund_parts where refund_id = $1
        union all
        select t.event_id, 0, 1 from refund_tickets r join issued_tickets t on t.id = r.ticket_id where r.refund_id = $1
    ) part join events e on e.id = part.event_id
    group by e.organizer_id, part.event_id order by part.event_id";

/// Tells of money that went back, or of tickets that were taken back and cost nothing. Each organizer hears of what their own
/// events give back alone; money that was nobody's is not told of.
///
/// # Errors
/// If the database does not answer.
pub async fn tell_of_refund(
    tx: &Transaction<'_>,
    order: &Order,
    refund: RefundId,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<Vec<Outgoing>, Error> {
    let what = EventType::OrderRefunded;
    let rows = tx
        .query_typed(REFUND_SQL, params![INT8: refund.get()])
        .await
        .map_err(DbError::from)?;
    let mut parts = Vec::with_capacity(rows.len());
    for row in &rows {
        let part = RefundPart {
            event_id: row.id("event_id", EventId::new)?,
            amount: row.rupiah("amount")?,
            tickets: row.count("tickets")?,
        };
        parts.push((row.id("organizer_id", UserId::new)?, part));
    }
    let owners: Vec<i64> = parts.iter().map(|(owner, _)| owner.get()).collect();
    let subscribers = subscribers(tx, owners, what).await?;
    let mut messages = Vec::new();
    for (owner, endpoints) in by_owner(&subscribers) {
        let own = parts.iter().filter(|(organizer, _)| *organizer == owner);
        let parts: Vec<RefundPart> = own.map(|(_, part)| part.clone()).collect();
        let data = RefundData {
            order_id: order.code.clone(),
            refund_id: refund,
            amount: sum(parts.iter().map(|part| part.amount)),
            parts,
        };
        let text = Message::text(what, now, data)?;
        messages.extend(insert(tx, &endpoints, what, &text, random, now).await?);
    }
    Ok(messages)
}

/// What is different about an event.
#[derive(Debug, Clone)]
pub struct ChangedEvent {
    /// The event.
    pub id: EventId,
    /// Whose it is.
    pub organizer: UserId,
    /// Where it stands.
    pub status: EventStatus,
    /// Fields that are different now, as the API names them.
    pub changed: Vec<String>,
}

/// Tells the organizer of an event that it was changed.
///
/// # Errors
/// If the database does not answer.
pub async fn tell_of_event(
    tx: &Transaction<'_>,
    event: ChangedEvent,
    what: EventType,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<Vec<Outgoing>, Error> {
    let subscribers = subscribers(tx, vec![event.organizer.get()], what).await?;
    if subscribers.is_empty() {
        return Ok(Vec::new());
    }
    let endpoints: Vec<WebhookId> = subscribers.iter().map(|found| found.endpoint).collect();
    let data = EventData {
        event_id: event.id,
        status: event.status,
        changed: event.changed,
    };
    let text = Message::text(what, now, data)?;
    insert(tx, &endpoints, what, &text, random, now).await
}

/// Tells a locked endpoint that its owner tries it.
///
/// # Errors
/// If the database does not answer.
pub async fn tell_test(
    tx: &Transaction<'_>,
    endpoint: WebhookId,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<Vec<Outgoing>, Error> {
    let data = TestData { webhook_id: endpoint };
    let text = Message::text(EventType::Test, now, data)?;
    insert(tx, &[endpoint], EventType::Test, &text, random, now).await
}

fn sum(amounts: impl Iterator<Item = Rupiah>) -> Rupiah {
    amounts.fold(Rupiah::ZERO, |sum, amount| {
        sum.plus(amount).unwrap_or(Rupiah::MAX)
    })
}

fn subscriber(row: &Row) -> Result<Subscriber> {
    Ok(Subscriber {
        endpoint: row.id("id", WebhookId::new)?,
        owner: row.id("owner_id", UserId::new)?,
    })
}

async fn subscribers(tx: &Transaction<'_>, owners: Vec<i64>, what: EventType) -> Result<Vec<Subscriber>> {
    let params = params![INT8_ARRAY: owners, TEXT: what.as_str()];
    let rows = tx.query_typed(OF_OWNERS_SQL, params).await?;
    rows.iter().map(subscriber).collect()
}

/// The endpoints of each owner.
fn by_owner(subscribers: &[Subscriber]) -> Vec<(UserId, Vec<WebhookId>)> {
    let mut owners: Vec<(UserId, Vec<WebhookId>)> = Vec::new();
    for Subscriber { endpoint, owner } in subscribers {
        match owners.iter_mut().find(|(known, _)| known == owner) {
            Some((_, endpoints)) => endpoints.push(*endpoint),
            None => owners.push((*owner, vec![*endpoint])),
        }
    }
    owners
}

const INSERT_SQL: &str = "
    insert into webhook_deliveries (endpoint_id, message_id, event, payload, state, due_at, announced_until, created_at)
    select endpoint, $2, $3, $4, 'pending', $5, $6, $5 from unnest($1::bigint[]) as e (endpoint)
    returning id";

/// Writes one message for these endpoints, and that it is due into the outbox.
async fn insert(
    tx: &Transaction<'_>,
    endpoints: &[WebhookId],
    what: EventType,
    text: &str,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<Vec<Outgoing>, Error> {
    let message = format!("msg_{}", random());
    let endpoints: Vec<i64> = endpoints.iter().map(|endpoint| endpoint.get()).collect();
    let announced = now.plus_seconds(PATIENCE_SECONDS);
    let params = params![
        INT8_ARRAY: endpoints, TEXT: message, TEXT: what.as_str(), TEXT: text, TIMESTAMPTZ: now.inner(),
        TIMESTAMPTZ: announced.inner(),
    ];
    let rows = tx.query_typed(INSERT_SQL, params).await.map_err(DbError::from)?;
    announce(tx, &rows, random, now).await
}

/// Writes into the outbox that these deliveries are due.
async fn announce(
    tx: &Transaction<'_>,
    rows: &[Row],
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<Vec<Outgoing>, Error> {
    let mut messages = Vec::with_capacity(rows.len());
    for row in rows {
        let delivery = row.id("id", DeliveryId::new)?;
        messages.push(Outgoing::webhook(random(), WebhookWork { delivery })?);
    }
    outbox::insert_all(tx, &messages, now).await?;
    Ok(messages)
}

const DUE_SQL: &str = "
    with due as (
        select d.id from webhook_endpoints w cross join lateral (
            select id, due_at from webhook_deliveries
            where endpoint_id = w.id and state = 'pending' and due_at <= $1
              and (announced_until is null or announced_until <= $1)
            order by due_at, id limit case when w.failures > 0 then least($3, $4) else $4 end
        ) d
        where w.rest_until is null or w.rest_until <= $1
        order by d.due_at, d.id limit $4
    )
    update webhook_deliveries d set announced_until = $2
    from due where d.id = due.id and d.state = 'pending' and d.due_at <= $1
    returning d.id";

/// Deliveries whose time has come, and notes that somebody is told. If nobody tries one after all, it is due again after a
/// while; if two are told, one of them finds nothing to do.
pub async fn due(db: &Client, limit: u32, now: Timestamp) -> Result<Vec<DeliveryId>> {
    let announced = now.plus_seconds(PATIENCE_SECONDS);
    let params = params![
        TIMESTAMPTZ: now.inner(), TIMESTAMPTZ: announced.inner(), INT8: OF_ONE_ENDPOINT, INT8: i64::from(limit),
    ];
    let rows = db.query_typed(DUE_SQL, params).await?;
    rows.iter().map(|row| row.id("id", DeliveryId::new)).collect()
}

/// A try of a delivery that its worker has to itself for [`LEASE_SECONDS`].
pub struct Try {
    /// The delivery.
    pub delivery: DeliveryId,
    /// To which endpoint.
    pub endpoint: WebhookId,
    /// Where that is.
    pub url: String,
    /// The id of the message, the same at each try.
    pub message_id: String,
    /// The bytes to sign and to send.
    pub payload: String,
    /// What signs: the secret, and the one before it while that is still good.
    pub secrets: Vec<Vec<u8>>,
    /// Which try it is, since it was made or replayed.
    pub tries: u32,
    /// Which try it is in all.
    pub attempts: u32,
    /// Failures of the endpoint since its last success, as of now.
    pub failures: u32,
}

// One after the other, so that each sees how many are under way.
const LOCK_ENDPOINT_SQL: &str = "
    select id from webhook_endpoints where id = (select endpoint_id from webhook_deliveries where id = $1) for no key update";

const CLAIM_SQL: &str = "
    update webhook_deliveries d
    set tries = d.tries + 1, attempts = d.attempts + 1, due_at = $3, leased_until = $3, announced_until = null, last_try_at = $2
    from webhook_endpoints w join users u on u.id = w.owner_id
    where d.id = $1 and w.id = d.endpoint_id and d.state = 'pending' and d.due_at <= $2 and w.disabled_at is null
      and (w.rest_until is null or w.rest_until <= $2) and u.deleted_at is null and u.role in ('organizer', 'admin')
      and (select count(*) from webhook_deliveries o where o.endpoint_id = d.endpoint_id and o.leased_until > $2) < $4
    returning d.endpoint_id, d.message_id, d.payload, d.tries, d.attempts, w.failures, w.url, w.secret,
              case when w.old_secret_until > $2 then w.old_secret end as old_secret";

/// Takes a delivery that is due, for a while. `None` if it is not: another worker has it, it is to wait, or enough others of its
/// endpoint are under way.
pub async fn claim(tx: &Transaction<'_>, id: DeliveryId, now: Timestamp) -> Result<Option<Try>> {
    tx.query_typed_opt(LOCK_ENDPOINT_SQL, params![INT8: id.get()])
        .await?;
    let lease = now.plus_seconds(LEASE_SECONDS);
    let params = params![
        INT8: id.get(), TIMESTAMPTZ: now.inner(), TIMESTAMPTZ: lease.inner(), INT8: AT_ONCE,
    ];
    let Some(row) = tx.query_typed_opt(CLAIM_SQL, params).await? else {
        return Ok(None);
    };
    let old: Option<Vec<u8>> = row.col("old_secret")?;
    Ok(Some(Try {
        delivery: id,
        endpoint: row.id("endpoint_id", WebhookId::new)?,
        url: row.col("url")?,
        message_id: row.col("message_id")?,
        payload: row.col("payload")?,
        secrets: std::iter::once(row.col("secret")?).chain(old).collect(),
        tries: row.count("tries")?,
        attempts: row.count("attempts")?,
        failures: row.count("failures")?,
    }))
}

const NEXT_SQL: &str = "
    select id from webhook_deliveries where endpoint_id = $1 and state = 'pending' and due_at <= $2
    order by due_at, id limit 1";

/// Takes what is due next of an endpoint, announced or not, for a while. `None` if nothing is that may be tried.
pub async fn claim_next(tx: &Transaction<'_>, endpoint: WebhookId, now: Timestamp) -> Result<Option<Try>> {
    // Before it looks, so that no two see the same.
    if webhooks::lock(tx, endpoint).await?.is_none() {
        return Ok(None);
    }
    let params = params![INT8: endpoint.get(), TIMESTAMPTZ: now.inner()];
    match tx.query_typed_opt(NEXT_SQL, params).await? {
        Some(row) => claim(tx, row.id("id", DeliveryId::new)?, now).await,
        None => Ok(None),
    }
}

const SET_ASIDE_SQL: &str = "
    update webhook_deliveries d
    set state = case when found.dead then 'failed' else d.state end,
        due_at = case when found.dead then null else greatest(d.due_at, found.rest_until) end,
        announced_until = case when not found.dead and (found.rest_until is null or found.rest_until <= $2)
            then $3::timestamptz end,
        last_error = case when found.dead then 'the endpoint is disabled' else d.last_error end,
        finished_at = case when found.dead then $2::timestamptz end
    from (
        select w.id, w.rest_until,
               w.disabled_at is not null or u.deleted_at is not null or u.role not in ('organizer', 'admin') as dead
        from webhook_endpoints w join users u on u.id = w.owner_id
    ) found
    where d.id = $1 and found.id = d.endpoint_id and d.state = 'pending' and d.due_at <= $2";

/// Puts off a delivery whose endpoint is left alone for a while, and gives up one whose endpoint is disabled. One whose endpoint
/// has enough others under way stays due: whoever is through with one of them takes it, else it is announced again.
pub async fn set_aside(db: &Client, id: DeliveryId, now: Timestamp) -> Result<()> {
    let again = now.plus_seconds(BUSY_SECONDS);
    let params = params![INT8: id.get(), TIMESTAMPTZ: now.inner(), TIMESTAMPTZ: again.inner()];
    db.execute_typed(SET_ASIDE_SQL, params).await?;
    Ok(())
}

/// What a try came to.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Status of the answer, if there was one.
    pub status: Option<u16>,
    /// How long it took.
    pub duration_ms: u32,
    /// Why there was no answer.
    pub error: Option<String>,
    /// The beginning of the answer's body.
    pub body: Option<String>,
}

const FINISH_SQL: &str = "
    update webhook_deliveries
    set state = $3, due_at = $4, leased_until = null, announced_until = null, last_status = $5, last_duration_ms = $6, last_error = $7,
        last_body = $8, finished_at = case when $4::timestamptz is null then $9::timestamptz end
    where id = $1 and attempts = $2 and state = 'pending'";

/// Notes what a try came to. `false`, and nothing is noted, if its lease was over and another worker has tried again.
pub async fn finish(
    tx: &Transaction<'_>,
    tried: &Try,
    outcome: &Outcome,
    verdict: &Verdict,
    now: Timestamp,
) -> Result<bool> {
    let again_at = verdict.again_at.map(Timestamp::inner);
    let attempts = i32::try_from(tried.attempts).unwrap_or(i32::MAX);
    let duration = i32::try_from(outcome.duration_ms).unwrap_or(i32::MAX);
    let params = params![
        INT8: tried.delivery.get(), INT4: attempts, TEXT: verdict.state.as_str(), TIMESTAMPTZ: again_at,
        INT4: outcome.status.map(i32::from), INT4: duration, TEXT: outcome.error, TEXT: outcome.body,
        TIMESTAMPTZ: now.inner(),
    ];
    Ok(tx.execute_typed(FINISH_SQL, params).await? == 1)
}

/// A delivery as the owner of its endpoint sees it.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// The id of the message.
    pub message_id: String,
    /// What it tells of.
    pub event: EventType,
    /// The message.
    pub payload: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub due_at: Option<Timestamp>,
    /// When it was tried last.
    pub last_try_at: Option<Timestamp>,
    /// Status of the last answer.
    pub last_status: Option<u32>,
    /// How long the last try took.
    pub last_duration_ms: Option<u32>,
    /// Why there was no answer.
    pub last_error: Option<String>,
    /// The beginning of the last answer's body.
    pub last_body: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was taken or given up.
    pub finished_at: Option<Timestamp>,
}

macro_rules! own_deliveries {
    ($rest:literal) => {
        concat!(
            "select d.id, d.message_id, d.event, d.payload, d.state, d.attempts, d.due_at, d.last_try_at, d.last_status,
                    d.last_duration_ms, d.last_error, d.last_body, d.created_at, d.finished_at
             from webhook_deliveries d join webhook_endpoints w on w.id = d.endpoint_id
             where w.id = $1 and w.owner_id = $2 and ",
            $rest
        )
    };
}

const LIST_SQL: &str = own_deliveries!(
    "($3::text is null or d.state = $3) and ($4::bigint is null or d.id < $4) order by d.id desc limit $5"
);

/// The newest deliveries to an endpoint of an account, at most so many.
pub async fn list(
    db: &Client,
    endpoint: WebhookId,
    owner: UserId,
    state: Option<DeliveryState>,
    before: Option<DeliveryId>,
    limit: u32,
) -> Result<Vec<Delivery>> {
    let params = params![
        INT8: endpoint.get(), INT8: owner.get(), TEXT: state.map(DeliveryState::as_str),
        INT8: before.map(DeliveryId::get), INT8: i64::from(limit),
    ];
    let rows = db.query_typed(LIST_SQL, params).await?;
    rows.iter().map(read).collect()
}

const FIND_OWN_SQL: &str = own_deliveries!("d.id = $3");

/// A delivery to an endpoint of an account.
pub async fn find_own(
    db: &Client,
    endpoint: WebhookId,
    owner: UserId,
    id: DeliveryId,
) -> Result<Option<Delivery>> {
    let params = params![INT8: endpoint.get(), INT8: owner.get(), INT8: id.get()];
    let row = db.query_typed_opt(FIND_OWN_SQL, params).await?;
    row.as_ref().map(read).transpose()
}

const REPLAY_SQL: &str = "
    update webhook_deliveries
    set state = 'pending', tries = 0, due_at = $3, announced_until = $4, finished_at = null
    where id = $2 and endpoint_id = $1 and state <> 'pending' returning id";

/// Has a delivery to a locked endpoint sent again, as the same message. `None` if there is none that was taken or given up.
///
/// # Errors
/// If the database does not answer.
pub async fn replay(
    tx: &Transaction<'_>,
    endpoint: WebhookId,
    id: DeliveryId,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<Option<Vec<Outgoing>>, Error> {
    let announced = now.plus_seconds(PATIENCE_SECONDS);
    let params = params![
        INT8: endpoint.get(), INT8: id.get(), TIMESTAMPTZ: now.inner(), TIMESTAMPTZ: announced.inner(),
    ];
    let rows = tx.query_typed(REPLAY_SQL, params).await.map_err(DbError::from)?;
    if rows.is_empty() {
        return Ok(None);
    }
    announce(tx, &rows, random, now).await.map(Some)
}

const REPLAY_FAILED_SQL: &str = "
    update webhook_deliveries
    set state = 'pending', tries = 0, due_at = $3, announced_until = $4, finished_at = null
    where id in (
        select id from webhook_deliveries where endpoint_id = $1 and state = 'failed' and created_at >= $2 order by id limit $5
    ) and state = 'failed'
    returning id";

/// Has the oldest deliveries to a locked endpoint sent again that were made since then and given up, at most
/// [`MOST_REPLAYED`].
///
/// # Errors
/// If the database does not answer.
pub async fn replay_failed(
    tx: &Transaction<'_>,
    endpoint: WebhookId,
    since: Timestamp,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<Vec<Outgoing>, Error> {
    let announced = now.plus_seconds(PATIENCE_SECONDS);
    let params = params![
        INT8: endpoint.get(), TIMESTAMPTZ: since.inner(), TIMESTAMPTZ: now.inner(), TIMESTAMPTZ: announced.inner(),
        INT8: i64::from(MOST_REPLAYED),
    ];
    let rows = tx
        .query_typed(REPLAY_FAILED_SQL, params)
        .await
        .map_err(DbError::from)?;
    announce(tx, &rows, random, now).await
}

const TESTS_SQL: &str = "
    select count(*)::int as tests from webhook_deliveries
    where endpoint_id = $1 and event = 'webhook.test' and created_at > $2";

/// How many tests an endpoint was sent since then.
pub async fn tests_since(tx: &Transaction<'_>, endpoint: WebhookId, since: Timestamp) -> Result<u32> {
    let params = params![INT8: endpoint.get(), TIMESTAMPTZ: since.inner()];
    tx.query_typed_one(TESTS_SQL, params).await?.count("tests")
}

const FORGET_SQL: &str = "
    delete from webhook_deliveries where id in (
        select id from webhook_deliveries where state <> 'pending' and finished_at < $1 limit $2 for update skip locked
    )";

/// Deletes deliveries that were taken or given up before a time.
pub async fn forget(db: &Client, before: Timestamp, limit: u32) -> Result<u64> {
    let params = params![TIMESTAMPTZ: before.inner(), INT8: i64::from(limit)];
    Ok(db.execute_typed(FORGET_SQL, params).await?)
}

fn read(row: &Row) -> Result<Delivery> {
    Ok(Delivery {
        id: row.id("id", DeliveryId::new)?,
        message_id: row.col("message_id")?,
        event: row.word("event", EventType::parse)?,
        payload: row.col("payload")?,
        state: row.word("state", DeliveryState::parse)?,
        attempts: row.count("attempts")?,
        due_at: row.time_opt("due_at")?,
        last_try_at: row.time_opt("last_try_at")?,
        last_status: row.count_opt("last_status")?,
        last_duration_ms: row.count_opt("last_duration_ms")?,
        last_error: row.col("last_error")?,
        last_body: row.col("last_body")?,
        created_at: row.time("created_at")?,
        finished_at: row.time_opt("finished_at")?,
    })
}

//! What people follow over WebSockets: the tickets that let them in, and where things stand that they are told about.

use crate::error::Result;
use crate::sql::{RowExt as _, params};
use domain::event::EventStatus;
use domain::order::OrderStatus;
use domain::payment::PaymentStatus;
use domain::realtime::{
    Availability, Data, MOST_TICKETS, OrderState, State, TICKET_SECONDS, TicketsLeft, Told,
};
use domain::{EventId, NotificationId, OrderId, SessionId, TicketTypeId, Timestamp, UserId};
use std::collections::HashSet;
use tokio_postgres::{Client, Row};

// Those of the session that are over go with it, so that a session leaves a handful of rows at most.
const ISSUE_SQL: &str = "
    with gone as (delete from socket_tickets where session_id = $2 and expires_at <= $4)
    insert into socket_tickets (token_hash, session_id, expires_at)
    select $1, s.id, $5 from sessions s
    where s.id = $2 and s.user_id = $3 and s.ended_at is null
      and (select count(*) from socket_tickets t where t.session_id = s.id and t.expires_at > $4) < $6";

/// Keeps the hash of a ticket for a connection of a session. `None` if the session has too many already, or has ended;
/// otherwise until when it is good. Twins at the same moment may get a few more than the limit.
pub async fn issue_ticket(
    db: &Client,
    token_hash: &[u8; 32],
    session: SessionId,
    user: UserId,
    now: Timestamp,
) -> Result<Option<Timestamp>> {
    let expires_at = now.plus_seconds(TICKET_SECONDS);
    let most = i64::from(MOST_TICKETS);
    let params = params![
        BYTEA: token_hash.as_slice(), INT8: session.get(), INT8: user.get(), TIMESTAMPTZ: now.inner(),
        TIMESTAMPTZ: expires_at.inner(), INT8: most,
    ];
    let issued = db.execute_typed(ISSUE_SQL, params).await?;
    Ok((issued == 1).then_some(expires_at))
}

const USE_SQL: &str = "
    with used as (delete from socket_tickets where token_hash = $1 returning session_id, expires_at)
    select s.id, s.user_id from used t
    join sessions s on s.id = t.session_id join users u on u.id = s.user_id
    where t.expires_at > $2 and s.ended_at is null and u.deleted_at is null";

/// Uses a ticket up: whose it is and of which session. `None` if there is none of that hash, it was used, its time is over
/// or its session has ended.
pub async fn use_ticket(
    db: &Client,
    token_hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<(UserId, SessionId)>> {
    let params = params![BYTEA: token_hash.as_slice(), TIMESTAMPTZ: now.inner()];
    let Some(row) = db.query_typed_opt(USE_SQL, params).await? else {
        return Ok(None);
    };
    Ok(Some((
        row.id("user_id", UserId::new)?,
        row.id("id", SessionId::new)?,
    )))
}

const GOING_ON_SQL: &str = "
    select s.id from sessions s join users u on u.id = s.user_id
    where s.id = any($1) and s.ended_at is null and u.deleted_at is null";

/// Which of these sessions go on.
pub async fn going_on(db: &Client, sessions: &[SessionId]) -> Result<HashSet<SessionId>> {
    let ids: Vec<i64> = sessions.iter().map(|session| session.get()).collect();
    let rows = db.query_typed(GOING_ON_SQL, params![INT8_ARRAY: ids]).await?;
    rows.iter().map(|row| row.id("id", SessionId::new)).collect()
}

/// An order as those who follow it are told.
#[derive(Debug)]
pub struct Followed {
    /// Whose it is: only they are told.
    pub owner: UserId,
    /// Where it stands.
    pub state: OrderState,
    /// Grows with every change.
    pub version: i64,
}

impl Followed {
    /// As it is sent.
    pub fn into_state(self) -> State {
        State {
            version: self.version,
            data: Data::Order(self.state),
        }
    }
}

/// The columns of a followed order. The version counts its steps, which only grow in number: it has a payment or none, a transfer
/// was chosen or not, it waits or it has ended, and every move of the payment is a row. No clock is in it.
macro_rules! followed_columns {
    () => {
        "o.user_id, o.code, o.status, o.expires_at, p.status as payment_status,
         (p.id is not null)::int::bigint + (o.status <> 'pending')::int
             + exists (select from transfers t where t.payment_id = p.id)::int
             + (select count(*) from payment_transitions t where t.payment_id = p.id) as version"
    };
}

const ORDER_SQL: &str = concat!(
    "select ",
    followed_columns!(),
    " from orders o left join payments p on p.order_id = o.id where o.id = $1"
);

/// Where an order stands. `None` if there is none.
pub async fn order(db: &Client, id: OrderId) -> Result<Option<Followed>> {
    let row = db.query_typed_opt(ORDER_SQL, params![INT8: id.get()]).await?;
    row.as_ref().map(read_order).transpose()
}

const OWN_ORDER_SQL: &str = concat!(
    "select ",
    followed_columns!(),
    " from orders o left join payments p on p.order_id = o.id
     where o.code = $1 and o.user_id = $2 and exists (
         select from sessions s where s.id = $3 and s.user_id = $2 and s.ended_at is null
     )"
);

/// Where an order of somebody stands. `None` if they have none of that code, or their session has ended.
pub async fn own_order(
    db: &Client,
    code: &str,
    user: UserId,
    session: SessionId,
) -> Result<Option<Followed>> {
    let params = params![TEXT: code, INT8: user.get(), INT8: session.get()];
    let row = db.query_typed_opt(OWN_ORDER_SQL, params).await?;
    row.as_ref().map(read_order).transpose()
}

fn read_order(row: &Row) -> Result<Followed> {
    let payment = row.col::<Option<&str>>("payment_status")?;
    Ok(Followed {
        owner: row.id("user_id", UserId::new)?,
        state: OrderState {
            order_id: row.col("code")?,
            status: row.word("status", OrderStatus::parse)?,
            payment_status: match payment {
                Some(_) => Some(row.word("payment_status", PaymentStatus::parse)?),
                None => None,
            },
            expires_at: row.time("expires_at")?,
        },
        version: row.col("version")?,
    })
}

// One statement sees one state of the database. An event without ticket types is one row without a ticket.
const AVAILABILITY_SQL: &str = "
    select e.status, e.date, e.ends_at, t.id as ticket_id,
           case when exists (select from waiting_entries w where w.ticket_type_id = t.id and w.status = 'waiting') then 0
                else (select coalesce(sum(s.capacity - s.held - s.sold), 0)::int from stock s where s.ticket_type_id = t.id)
           end as quantity
    from events e left join ticket_types t on t.event_id = e.id
    where e.id = $1 and e.status <> 'draft' order by t.id";

/// How many tickets of an event are left. `None` if not everybody may see the event.
pub async fn availability(db: &Client, event: EventId, now: Timestamp) -> Result<Option<Availability>> {
    let rows = db
        .query_typed(AVAILABILITY_SQL, params![INT8: event.get()])
        .await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let status = first.word("status", EventStatus::parse)?;
    let mut availability = Availability {
        event_id: event,
        status: status.at(first.time("date")?, first.time_opt("ends_at")?, now),
        tickets: Vec::with_capacity(rows.len()),
    };
    for row in &rows {
        if let Some(id) = row.col::<Option<i64>>("ticket_id")? {
            availability.tickets.push(TicketsLeft {
                ticket_id: TicketTypeId::new(id),
                quantity: row.count("quantity")?,
            });
        }
    }
    Ok(Some(availability))
}

const TOLD_SQL: &str = "select id, user_id, created_at from notifications where id = $1";

/// A notification, and for whom it is: everybody if for nobody. `None` if it was deleted.
pub async fn told(db: &Client, id: NotificationId) -> Result<Option<(Option<UserId>, Told)>> {
    let row = db.query_typed_opt(TOLD_SQL, params![INT8: id.get()]).await?;
    let Some(row) = row else { return Ok(None) };
    let told = Told {
        id: row.id("id", NotificationId::new)?,
        created_at: row.time("created_at")?,
    };
    Ok(Some((row.col::<Option<i64>>("user_id")?.map(UserId::new), told)))
}

//! Tickets issued to buyers: one row per unit sold.

use crate::error::Result;
use crate::sql::{self, RowExt as _, params};
use crate::ticket_types::int;
use domain::event::EventStatus;
use domain::page::Page;
use domain::seating::SeatName;
use domain::{EventId, IssuedTicketId, OrderId, OrderItemId, Rupiah, TicketTypeId, Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// An issued ticket with what is printed on it.
#[derive(Debug, Clone)]
pub struct IssuedTicket {
    /// Its id.
    pub id: IssuedTicketId,
    /// What the QR code carries.
    pub code: String,
    /// Code of its order.
    pub order_code: String,
    /// Its kind.
    pub ticket_type_id: TicketTypeId,
    /// What its kind is called.
    pub ticket_name: String,
    /// Its event.
    pub event_id: EventId,
    /// What the event is called.
    pub event_name: String,
    /// When the event begins.
    pub event_date: Timestamp,
    /// When the event ends; `None` if its organizer does not say.
    pub event_ends_at: Option<Timestamp>,
    /// Zone of the place.
    pub event_time_zone: String,
    /// Where it takes place.
    pub event_location: String,
    /// Where the event stands, as stored.
    pub event_status: EventStatus,
    /// Who owns it.
    pub holder_id: UserId,
    /// Whose name is on it.
    pub holder_name: String,
    /// `valid`, `used` or `void`.
    pub status: String,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Where its holder sits; `None` without a seat, or if the map was replaced after the ticket became void.
    pub seat: Option<SeatName>,
}

/// A ticket to issue.
#[derive(Debug)]
pub struct Unit {
    /// The line that paid for it.
    pub item: OrderItemId,
    /// Its number within the line, from 1.
    pub number: u32,
    /// 128 random bits in hexadecimal.
    pub code: String,
}

// In the order of the units, in which they are listed later.
const INSERT_SQL: &str = "
    insert into issued_tickets (code, order_item_id, unit, ticket_type_id, event_id, holder_id, holder_name, issued_at, seat)
    select n.code, i.id, n.unit, i.ticket_type_id, t.event_id, u.id, u.name, $4, i.seats[n.unit]
    from unnest($1::text[], $2::bigint[], $3::int[]) as n (code, item, unit)
    join order_items i on i.id = n.item join ticket_types t on t.id = i.ticket_type_id
    join orders o on o.id = i.order_id join users u on u.id = o.user_id
    order by i.id, n.unit
    on conflict (order_item_id, unit) do nothing";

/// Issues tickets to the buyer of their order. A unit that was issued before is left as it is.
pub async fn insert(tx: &Transaction<'_>, units: &[Unit], now: Timestamp) -> Result<u64> {
    let codes: Vec<&str> = units.iter().map(|unit| unit.code.as_str()).collect();
    let items: Vec<i64> = units.iter().map(|unit| unit.item.get()).collect();
    let numbers: Vec<i32> = units.iter().map(|unit| int(unit.number)).collect();
    let params = params![TEXT_ARRAY: codes, INT8_ARRAY: items, INT4_ARRAY: numbers, TIMESTAMPTZ: now.inner()];
    Ok(tx.execute_typed(INSERT_SQL, params).await?)
}

/// A ticket of an order that is not void.
#[derive(Debug, Clone)]
pub struct LiveTicket {
    /// Its id.
    pub id: IssuedTicketId,
    /// Its event.
    pub event_id: EventId,
    /// What all tickets of its line were charged.
    pub charged: Rupiah,
    /// How many its line has.
    pub quantity: u32,
    /// Its number within the line, from 1.
    pub unit: u32,
    /// Whether somebody came in with it.
    pub used: bool,
    /// Whether whoever paid for it has it, and passed it on to nobody.
    pub with_buyer: bool,
}

macro_rules! live {
    () => {
        "select t.id, t.event_id, i.charged, i.quantity, t.unit, t.status = 'used' as used, t.holder_id = o.user_id as with_buyer
        from issued_tickets t join order_items i on i.id = t.order_item_id join orders o on o.id = i.order_id
        where i.order_id = $1 and t.status <> 'void' order by t.id"
    };
}

const LIVE_SQL: &str = live!();

/// The tickets of an order that are not void.
pub async fn live(db: &Client, order: OrderId) -> Result<Vec<LiveTicket>> {
    let rows = db.query_typed(LIVE_SQL, params![INT8: order.get()]).await?;
    rows.iter().map(read_live).collect()
}

const LOCK_LIVE_SQL: &str = concat!(live!(), " for update of t");

/// The same of a locked order. They stay as they are until the end of the transaction.
pub async fn lock_live(tx: &Transaction<'_>, order: OrderId) -> Result<Vec<LiveTicket>> {
    let rows = tx.query_typed(LOCK_LIVE_SQL, params![INT8: order.get()]).await?;
    rows.iter().map(read_live).collect()
}

const HOLDERS_SQL: &str = "
    select distinct t.holder_id as id from issued_tickets t join order_items i on i.id = t.order_item_id
    where i.order_id = $1 and t.event_id = $2 and t.status <> 'void' order by 1";

/// Who has tickets of a locked order for an event.
pub async fn holders(tx: &Transaction<'_>, order: OrderId, event: EventId) -> Result<Vec<UserId>> {
    let params = params![INT8: order.get(), INT8: event.get()];
    let rows = tx.query_typed(HOLDERS_SQL, params).await?;
    rows.iter().map(|row| row.id("id", UserId::new)).collect()
}

const COUNT_GOOD_SQL: &str = "select count(*)::int as good from issued_tickets where event_id = $1 and holder_id = $2 and status <> 'void'";

/// How many tickets of an event somebody has that are not void.
pub async fn count_good(db: &Client, event: EventId, holder: UserId) -> Result<u32> {
    let params = params![INT8: event.get(), INT8: holder.get()];
    db.query_typed_one(COUNT_GOOD_SQL, params).await?.count("good")
}

fn read_live(row: &Row) -> Result<LiveTicket> {
    Ok(LiveTicket {
        id: row.id("id", IssuedTicketId::new)?,
        event_id: row.id("event_id", EventId::new)?,
        charged: row.rupiah("charged")?,
        quantity: row.count("quantity")?,
        unit: row.count("unit")?,
        used: row.col("used")?,
        with_buyer: row.col("with_buyer")?,
    })
}

const VOID_OF_ORDER_SQL: &str = "
    select t.id from issued_tickets t join order_items i on i.id = t.order_item_id
    where i.order_id = $1 and t.status = 'void'";

/// The tickets of an order that are void.
pub async fn void_of_order(db: &Client, order: OrderId) -> Result<Vec<IssuedTicketId>> {
    let rows = db
        .query_typed(VOID_OF_ORDER_SQL, params![INT8: order.get()])
        .await?;
    rows.iter().map(|row| row.id("id", IssuedTicketId::new)).collect()
}

const VOID_SQL: &str =
    "update issued_tickets set status = 'void', voided_at = $2 where id = any($1) and status <> 'void'";

/// Voids tickets that are locked. Their units go back on sale with [`crate::stock::unsell`].
pub async fn void(tx: &Transaction<'_>, tickets: &[IssuedTicketId], now: Timestamp) -> Result<()> {
    if tickets.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = tickets.iter().map(|id| id.get()).collect();
    tx.execute_typed(VOID_SQL, params![INT8_ARRAY: ids, TIMESTAMPTZ: now.inner()])
        .await?;
    Ok(())
}

// In the order of their ids, as a refund of somebody else's order takes them.
const RENAME_HOLDER_SQL: &str = "
    with own as (select id from issued_tickets where holder_id = $1 order by id for no key update)
    update issued_tickets t set holder_name = $2 from own where t.id = own.id";

/// Puts another name on every ticket of a holder.
pub async fn rename_holder(tx: &Transaction<'_>, holder: UserId, name: &str) -> Result<()> {
    tx.execute_typed(RENAME_HOLDER_SQL, params![INT8: holder.get(), TEXT: name])
        .await?;
    Ok(())
}

macro_rules! columns {
    () => {
        "i.id, i.code, o.code as order_code, i.ticket_type_id, t.name as ticket_name, i.event_id, e.name as event_name,
        e.date as event_date, e.ends_at as event_ends_at, e.time_zone as event_time_zone, e.location as event_location,
        e.status as event_status, i.holder_id, i.holder_name, i.status, i.issued_at, s.section, s.row_label, s.label,
        count(*) over () as total
        from issued_tickets i join ticket_types t on t.id = i.ticket_type_id join events e on e.id = i.event_id
        join order_items oi on oi.id = i.order_item_id join orders o on o.id = oi.order_id
        left join seats s on s.ticket_type_id = i.ticket_type_id and s.number = i.seat"
    };
}

const LIST_SQL: &str = concat!(
    "select ",
    columns!(),
    " where i.holder_id = $1 order by i.id desc limit $2 offset $3"
);
const COUNT_SQL: &str = "select count(*) as total from issued_tickets where holder_id = $1";

/// A page of the tickets of a holder, newest first, and how many there are in all.
pub async fn list(db: &Client, holder: UserId, page: Page) -> Result<(Vec<IssuedTicket>, i64)> {
    let limit = i64::from(page.limit);
    let rows = db
        .query_typed(
            LIST_SQL,
            params![INT8: holder.get(), INT8: limit, INT8: page.offset()],
        )
        .await?;
    let counted = async {
        let params = params![INT8: holder.get()];
        db.query_typed_one(COUNT_SQL, params).await?.col("total")
    };
    let total = sql::total(&rows, page, counted).await?;
    Ok((rows.iter().map(read).collect::<Result<_>>()?, total))
}

const FIND_OWN_SQL: &str = concat!("select ", columns!(), " where i.code = $1 and i.holder_id = $2");

/// A ticket of this holder.
pub async fn find_own(db: &Client, code: &str, holder: UserId) -> Result<Option<IssuedTicket>> {
    let row = db
        .query_typed_opt(FIND_OWN_SQL, params![TEXT: code, INT8: holder.get()])
        .await?;
    row.as_ref().map(read).transpose()
}

const FIND_AT_GATE_SQL: &str = concat!(
    "select ",
    columns!(),
    " where i.code = $1 and (e.organizer_id = $2 or $3
        or exists (select 1 from event_staff s where s.event_id = e.id and s.user_id = $2))"
);

/// A ticket for an event that somebody organizes or checks tickets at (for any event if `any_event`), by what its QR code
/// carries.
pub async fn find_at_gate(
    db: &Client,
    code: &str,
    checker: UserId,
    any_event: bool,
) -> Result<Option<IssuedTicket>> {
    let params = params![TEXT: code, INT8: checker.get(), BOOL: any_event];
    let row = db.query_typed_opt(FIND_AT_GATE_SQL, params).await?;
    row.as_ref().map(read).transpose()
}

const FIND_SQL: &str = concat!("select ", columns!(), " where i.id = $1");

/// A ticket, whoever holds it.
pub async fn find(db: &Client, id: IssuedTicketId) -> Result<Option<IssuedTicket>> {
    let row = db.query_typed_opt(FIND_SQL, params![INT8: id.get()]).await?;
    row.as_ref().map(read).transpose()
}

const OF_ORDER_SQL: &str = concat!("select ", columns!(), " where oi.order_id = $1 order by i.id");

/// The tickets of an order, those among them that were passed on.
pub async fn of_order(db: &Client, order: OrderId) -> Result<Vec<IssuedTicket>> {
    let rows = db.query_typed(OF_ORDER_SQL, params![INT8: order.get()]).await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<IssuedTicket> {
    Ok(IssuedTicket {
        id: row.id("id", IssuedTicketId::new)?,
        code: row.col("code")?,
        order_code: row.col("order_code")?,
        ticket_type_id: row.id("ticket_type_id", TicketTypeId::new)?,
        ticket_name: row.col("ticket_name")?,
        event_id: row.id("event_id", EventId::new)?,
        event_name: row.col("event_name")?,
        event_date: row.time("event_date")?,
        event_ends_at: row.time_opt("event_ends_at")?,
        event_time_zone: row.col("event_time_zone")?,
        event_location: row.col("event_location")?,
        event_status: row.word("event_status", EventStatus::parse)?,
        holder_id: row.id("holder_id", UserId::new)?,
        holder_name: row.col("holder_name")?,
        status: row.col("status")?,
        issued_at: row.time("issued_at")?,
        seat: read_seat(row)?,
    })
}

/// Where the holder of a ticket sits, out of the columns of `seats`.
pub(crate) fn read_seat(row: &Row) -> Result<Option<SeatName>> {
    let Some(section) = row.col("section")? else {
        return Ok(None);
    };
    Ok(Some(SeatName {
        section,
        row: row.col("row_label")?,
        label: row.col("label")?,
    }))
}

//! Waiting lists: who stands in line for a ticket type that is sold out, and whose turn it is.
//!
//! Whoever's turn it is gets the tickets put into their cart, where stock holds them like any others until the time of the offer is
//! over: cart, checkout and sweep need to know nothing else. An entry is changed together with the row of the cart that it led to.
//! A transaction that locks an entry and stock has locked the buyer or that row before, and the entry before the stock.

mod organizer;
mod turn;

pub use organizer::{Overview, Person, Wish, overview, people, set};
pub use turn::{Offer, Served, close_over, lapse, lines, offer, overdue, serve};

use crate::error::{DbError, Result};
use crate::sql::{RowExt as _, params};
use crate::ticket_types::{ForSale, int};
use crate::{cart, orders, seats, stock};
use domain::ticket::{Quantity, SaleError};
use domain::waiting_list::{ClaimMinutes, EntryStatus, Mode};
use domain::{Error, EventId, TicketTypeId, Timestamp, UserId, WaitingEntryId};
use std::slice;
use tokio_postgres::{Client, Row, Transaction};

/// How the waiting list of a ticket type is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Whether there is one, and who comes next.
    pub mode: Mode,
    /// For how long tickets are kept for whoever's turn it is.
    pub claim: ClaimMinutes,
}

/// Somebody's place in a line.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its id.
    pub id: WaitingEntryId,
    /// For what.
    pub ticket_type_id: TicketTypeId,
    /// How many tickets are wanted.
    pub quantity: u32,
    /// Where it stands.
    pub status: EntryStatus,
    /// How many stand in line up to and with this one; `None` if it does not.
    pub position: Option<i64>,
    /// Since when.
    pub joined_at: Timestamp,
    /// Until when tickets are, or were, kept; `None` if it was never this entry's turn.
    pub offered_until: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What the kind of ticket is called.
    pub ticket: String,
    /// Of which event.
    pub event_id: EventId,
    /// What the event is called.
    pub event: String,
}

macro_rules! entries {
    () => {
        "select w.id, w.ticket_type_id, w.quantity, w.status, w.joined_at, w.offered_until, w.ended_at, t.name as ticket,
                e.id as event_id, e.name as event,
                case w.status when 'waiting' then (
                    select count(*) from waiting_entries b
                    where b.ticket_type_id = w.ticket_type_id and b.status = 'waiting' and b.id <= w.id
                ) end as position
         from waiting_entries w join ticket_types t on t.id = w.ticket_type_id join events e on e.id = t.event_id"
    };
}

const FIND_SQL: &str = concat!(entries!(), " where w.id = $1");

const OF_USER_SQL: &str = concat!(
    entries!(),
    " where w.user_id = $1 and (w.ended_at is null or w.ended_at > $2) order by w.id desc limit 100"
);

/// Where somebody stands in line, newest first, with what ended after a time.
pub async fn of_user(db: &Client, user: UserId, after: Timestamp) -> Result<Vec<Entry>> {
    let params = params![INT8: user.get(), TIMESTAMPTZ: after.inner()];
    let rows = db.query_typed(OF_USER_SQL, params).await?;
    rows.iter().map(read).collect()
}

const SETTINGS_SQL: &str = "select waiting_list, claim_minutes, capacity from ticket_types where id = $1";

const LIVE_SQL: &str = "
    select id, quantity, offered_until from waiting_entries
    where user_id = $1 and ticket_type_id = $2 and status in ('waiting', 'offered') for update";

const SHRINK_SQL: &str = "update waiting_entries set quantity = $2 where id = $1";

const END_SQL: &str = "update waiting_entries set status = $2, ended_at = $3 where id = $1";

// Who joins at the same moment does so one after the other, so that a smaller id was there first, for everybody.
const TAIL_SQL: &str =
    "select pg_advisory_xact_lock(hashtextextended('end of the line of ticket type ' || $1::bigint, 0))";

const IS_WAITED_FOR_SQL: &str = "
    select exists (select from waiting_entries where ticket_type_id = $1 and status = 'waiting') as is_waited_for";

const JOIN_SQL: &str = "
    insert into waiting_entries (ticket_type_id, user_id, quantity, joined_at) values ($1, $2, $3, $4) returning id";

/// Puts a locked buyer into the line of a ticket type whose rules were read in this transaction. Whoever is in it stays where they
/// are, also if they want fewer now; whoever wants more goes to its end.
///
/// # Errors
/// There is no list, the tickets can be bought without one, or they could not be bought in their turn.
pub async fn join(
    tx: &Transaction<'_>,
    user: UserId,
    sale: &ForSale,
    quantity: Quantity,
    now: Timestamp,
) -> domain::Result<Entry> {
    let id = settle_place(tx, user, sale, quantity.get(), now).await?;
    let row = tx.query_typed_one(FIND_SQL, params![INT8: id.get()]).await;
    Ok(read(&row.map_err(DbError::from)?)?)
}

async fn settle_place(
    tx: &Transaction<'_>,
    user: UserId,
    sale: &ForSale,
    quantity: u32,
    now: Timestamp,
) -> domain::Result<WaitingEntryId> {
    let in_cart = cart::lock_of_type(tx, user, sale.id).await?;
    let params = params![INT8: user.get(), INT8: sale.id.get()];
    let live = tx
        .query_typed_opt(LIVE_SQL, params)
        .await
        .map_err(DbError::from)?;
    let live = live.as_ref().map(read_live).transpose()?;
    match &live {
        Some(live) if live.offered_until.is_some_and(|until| until > now) => return Ok(live.id),
        Some(live) if live.offered_until.is_none() && live.quantity == quantity => return Ok(live.id),
        _ => {}
    }
    let row = tx
        .query_typed_one(SETTINGS_SQL, params![INT8: sale.id.get()])
        .await;
    let row = row.map_err(DbError::from)?;
    if read_settings(&row)?.mode == Mode::Off {
        let message = "There is no waiting list for these tickets";
        return Err(Error::conflict("waiting_list_off", message));
    }
    let has = in_cart
        .filter(|item| item.reserved_until > now)
        .map_or(0, |item| item.quantity);
    let bought = bought(tx, user, sale.id).await?;
    sale.rules.check(has.saturating_add(quantity), bought, now)?;
    let capacity = row.count("capacity")?;
    if quantity > capacity {
        return Err(SaleError::LimitReached {
            max: capacity,
            have: 0,
        }
        .into());
    }
    if let Some(live) = live {
        if live.offered_until.is_none() && quantity < live.quantity {
            let params = params![INT8: live.id.get(), INT4: int(quantity)];
            tx.execute_typed(SHRINK_SQL, params)
                .await
                .map_err(DbError::from)?;
            return Ok(live.id);
        }
        let ended = if live.offered_until.is_some() {
            EntryStatus::Lapsed
        } else {
            EntryStatus::Left
        };
        end(tx, live.id, ended, now).await?;
    }
    tx.query_typed(TAIL_SQL, params![INT8: sale.id.get()])
        .await
        .map_err(DbError::from)?;
    if !is_waited_for(tx, sale.id).await?
        && free(tx, sale.id, sale.seated, now).await? >= sale.rules.min_per_order
    {
        let message = "These tickets are not sold out, please put them into your cart";
        return Err(Error::conflict("tickets_available", message));
    }
    let params = params![
        INT8: sale.id.get(), INT8: user.get(), INT4: int(quantity), TIMESTAMPTZ: now.inner(),
    ];
    let row = tx
        .query_typed_one(JOIN_SQL, params)
        .await
        .map_err(DbError::from)?;
    Ok(row.id("id", WaitingEntryId::new)?)
}

/// Whether somebody stands in line for a ticket type.
pub(crate) async fn is_waited_for(tx: &Transaction<'_>, ticket_type: TicketTypeId) -> Result<bool> {
    let params = params![INT8: ticket_type.get()];
    tx.query_typed_one(IS_WAITED_FOR_SQL, params)
        .await?
        .col("is_waited_for")
}

/// How many tickets could be had if nobody waited.
async fn free(tx: &Transaction<'_>, ticket_type: TicketTypeId, seated: bool, now: Timestamp) -> Result<u32> {
    if seated {
        seats::free(tx, ticket_type, now).await
    } else {
        stock::free(tx, ticket_type, now).await
    }
}

async fn bought(tx: &Transaction<'_>, user: UserId, ticket_type: TicketTypeId) -> Result<u32> {
    let bought = orders::bought(tx, user, slice::from_ref(&ticket_type)).await?;
    Ok(bought.first().map_or(0, |(_, quantity)| *quantity))
}

async fn end(tx: &Transaction<'_>, id: WaitingEntryId, status: EntryStatus, now: Timestamp) -> Result<()> {
    let params = params![INT8: id.get(), TEXT: status.as_str(), TIMESTAMPTZ: now.inner()];
    tx.execute_typed(END_SQL, params).await?;
    Ok(())
}

/// Takes a locked buyer out of the line of a ticket type. What was kept for them goes back. `false` if they were not in it.
pub async fn leave(
    tx: &Transaction<'_>,
    user: UserId,
    ticket_type: TicketTypeId,
    now: Timestamp,
) -> Result<bool> {
    let in_cart = cart::lock_of_type(tx, user, ticket_type).await?;
    let params = params![INT8: user.get(), INT8: ticket_type.get()];
    let Some(row) = tx.query_typed_opt(LIVE_SQL, params).await? else {
        return Ok(false);
    };
    let live = read_live(&row)?;
    end(tx, live.id, EntryStatus::Left, now).await?;
    if live.offered_until.is_some()
        && let Some(item) = in_cart.filter(|item| item.offered_until.is_some())
    {
        stock::release_cart_item(tx, item.id).await?;
        cart::delete(tx, item.id).await?;
    }
    Ok(true)
}

const END_OFFERS_SQL: &str = "
    update waiting_entries set status = $3, ended_at = $4
    where user_id = $1 and ticket_type_id = any($2) and status = 'offered'";

/// Notes what becomes of the offers that led to locked rows of a buyer's cart: they were ordered, or are not wanted.
pub async fn end_offers(
    tx: &Transaction<'_>,
    user: UserId,
    items: &[cart::CartItem],
    became: EntryStatus,
    now: Timestamp,
) -> Result<()> {
    let offered = items.iter().filter(|item| item.offered_until.is_some());
    let types: Vec<i64> = offered.map(|item| item.ticket_type_id.get()).collect();
    if !types.is_empty() {
        let params = params![
            INT8: user.get(), INT8_ARRAY: types, TEXT: became.as_str(), TIMESTAMPTZ: now.inner(),
        ];
        tx.execute_typed(END_OFFERS_SQL, params).await?;
    }
    Ok(())
}

/// An entry that is not over.
struct Live {
    id: WaitingEntryId,
    quantity: u32,
    offered_until: Option<Timestamp>,
}

fn read_live(row: &Row) -> Result<Live> {
    Ok(Live {
        id: row.id("id", WaitingEntryId::new)?,
        quantity: row.count("quantity")?,
        offered_until: row.time_opt("offered_until")?,
    })
}

fn read_settings(row: &Row) -> Result<Settings> {
    let minutes = ClaimMinutes::new(row.count("claim_minutes")?);
    Ok(Settings {
        mode: row.word("waiting_list", Mode::parse)?,
        claim: minutes.ok_or(DbError::Value("ticket_types.claim_minutes"))?,
    })
}

fn read(row: &Row) -> Result<Entry> {
    Ok(Entry {
        id: row.id("id", WaitingEntryId::new)?,
        ticket_type_id: row.id("ticket_type_id", TicketTypeId::new)?,
        quantity: row.count("quantity")?,
        status: row.word("status", EntryStatus::parse)?,
        position: row.col("position")?,
        joined_at: row.time("joined_at")?,
        offered_until: row.time_opt("offered_until")?,
        ended_at: row.time_opt("ended_at")?,
        ticket: row.col("ticket")?,
        event_id: row.id("event_id", EventId::new)?,
        event: row.col("event")?,
    })
}

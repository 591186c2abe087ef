//! Waiting lists: who stands in line for a ticket type that is sold out, and whose turn it is.
//!
//! Whoever's turn it is gets the tickets put into their cart, where stock holds them like any others until the time of the offer is
//! over: cart, checkout and sweep need to know nothing else. An entry is changed together with the row of the cart that it led to.
//! A transaction that locks an entry and stock has locked the buyer or that row before, and the entry before the stock.

use crate::error::{DbError, Result};
use crate::seats::{self, Claim};
use crate::settlement::RandomId;
use crate::sql::{RowExt as _, params};
use crate::stock::{self, Owner, Want};
use crate::ticket_types::{ForSale, int};
use crate::{cart, events, notifications, orders, outbox, ticket_types, users};
use domain::message::{Mail, Outgoing};
use domain::notice::{Notice, Turned};
use domain::ticket::{Quantity, SaleError};
use domain::waiting_list::{self, ClaimMinutes, EntryStatus, InLine, Mode};
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

const LOCK_SETTINGS_SQL: &str = "
    select t.waiting_list, t.claim_minutes, t.event_id from ticket_types t join events e on e.id = t.event_id
    where t.id = $1 and (e.organizer_id = $2 or $3) for no key update of t";

const SET_SQL: &str = "
    update ticket_types set waiting_list = $2, claim_minutes = coalesce($3, claim_minutes), updated_at = $4 where id = $1";

const CLOSE_LINE_SQL: &str = "
    update waiting_entries set status = 'closed', ended_at = $2 where id in (
        select id from waiting_entries where ticket_type_id = $1 and status = 'waiting' order by id for update
    )";

/// What is set about a waiting list.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Whether there is one, and who comes next.
    pub mode: Mode,
    /// For how long tickets are kept; `None` if that stays as it is.
    pub claim: Option<ClaimMinutes>,
}

/// Sets how the waiting list of an organizer's own ticket type is run (of any for an admin). Nothing is sold meanwhile, so whoever was
/// told that there is no line has bought before anybody can join it. Switched off, it is over for all who
/// wait; who has tickets kept for them already keeps them. Returns what was set before, what is set now and for which event.
///
/// # Errors
/// There is no such ticket type of theirs.
pub async fn set(
    tx: &Transaction<'_>,
    id: TicketTypeId,
    organizer: UserId,
    any_owner: bool,
    wish: Wish,
    now: Timestamp,
) -> domain::Result<(Settings, Settings, EventId)> {
    events::stop_sale_of_type(tx, id, organizer, any_owner).await?;
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    let row = tx.query_typed_opt(LOCK_SETTINGS_SQL, params).await;
    let row = row
        .map_err(DbError::from)?
        .ok_or_else(|| Error::not_found("Ticket"))?;
    let Wish { mode, claim } = wish;
    let before = read_settings(&row)?;
    let params = params![
        INT8: id.get(), TEXT: mode.as_str(), INT4: claim.map(|claim| int(claim.get())), TIMESTAMPTZ: now.inner(),
    ];
    tx.execute_typed(SET_SQL, params).await.map_err(DbError::from)?;
    if mode == Mode::Off {
        let params = params![INT8: id.get(), TIMESTAMPTZ: now.inner()];
        tx.execute_typed(CLOSE_LINE_SQL, params)
            .await
            .map_err(DbError::from)?;
    }
    let after = Settings {
        mode,
        claim: claim.unwrap_or(before.claim),
    };
    Ok((before, after, row.id("event_id", EventId::new)?))
}

/// What organizers see of a line at once.
#[derive(Debug)]
pub struct Overview {
    /// How it is run.
    pub settings: Settings,
    /// For each status, how many people and how many tickets.
    pub counts: Vec<(EntryStatus, i64, i64)>,
}

const OWN_SETTINGS_SQL: &str = "
    select t.waiting_list, t.claim_minutes from ticket_types t join events e on e.id = t.event_id
    where t.id = $1 and (e.organizer_id = $2 or $3)";

const COUNTS_SQL: &str = "
    select status, count(*) as people, sum(quantity)::bigint as tickets from waiting_entries where ticket_type_id = $1 group by 1";

/// How the line of an organizer's own ticket type stands (of any for an admin); `None` if there is no such ticket type of theirs.
pub async fn overview(
    db: &Client,
    id: TicketTypeId,
    organizer: UserId,
    any_owner: bool,
) -> Result<Option<Overview>> {
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    let Some(row) = db.query_typed_opt(OWN_SETTINGS_SQL, params).await? else {
        return Ok(None);
    };
    let rows = db.query_typed(COUNTS_SQL, params![INT8: id.get()]).await?;
    let counts = rows.iter().map(|row| {
        let status = row.word("status", EntryStatus::parse)?;
        Ok((status, row.col("people")?, row.col("tickets")?))
    });
    Ok(Some(Overview {
        settings: read_settings(&row)?,
        counts: counts.collect::<Result<_>>()?,
    }))
}

/// Somebody in line, for the organizer.
#[derive(Debug)]
pub struct Person {
    /// Their place in the line as it is stored; a page goes on after the last one.
    pub entry: WaitingEntryId,
    /// Who.
    pub user_id: UserId,
    /// What they are called.
    pub name: String,
    /// How many tickets they want.
    pub quantity: u32,
    /// Whether they wait, or tickets are kept for them.
    pub status: EntryStatus,
    /// Since when they are in line.
    pub joined_at: Timestamp,
    /// Until when tickets are kept for them.
    pub offered_until: Option<Timestamp>,
}

const PEOPLE_SQL: &str = "
    select w.id, w.user_id, u.name, w.quantity, w.status, w.joined_at, w.offered_until
    from waiting_entries w join users u on u.id = w.user_id
    where w.ticket_type_id = $1 and w.status in ('waiting', 'offered') and w.id > $2 order by w.id limit $3";

/// Who stands in a line, in its order, after somebody.
pub async fn people(
    db: &Client,
    ticket_type: TicketTypeId,
    after: Option<WaitingEntryId>,
    limit: u32,
) -> Result<Vec<Person>> {
    let after = after.map_or(0, WaitingEntryId::get);
    let params = params![INT8: ticket_type.get(), INT8: after, INT8: i64::from(limit)];
    let rows = db.query_typed(PEOPLE_SQL, params).await?;
    rows.iter()
        .map(|row| {
            Ok(Person {
                entry: row.id("id", WaitingEntryId::new)?,
                user_id: row.id("user_id", UserId::new)?,
                name: row.col("name")?,
                quantity: row.count("quantity")?,
                status: row.word("status", EntryStatus::parse)?,
                joined_at: row.time("joined_at")?,
                offered_until: row.time_opt("offered_until")?,
            })
        })
        .collect()
}

// Those whom somebody has in their hands wait for the next time.
const CLOSE_OVER_SQL: &str = "
    update waiting_entries set status = 'closed', ended_at = $1 where id in (
        select w.id from waiting_entries w join ticket_types t on t.id = w.ticket_type_id join events e on e.id = t.event_id
        where w.status = 'waiting'
          and (t.waiting_list = 'off' or e.status <> 'published' or coalesce(t.sales_end, e.date) <= $1
               or coalesce(e.ends_at, e.date + interval '1 day') <= $1
               or w.quantity > least(t.capacity, t.max_per_order) or w.quantity < t.min_per_order)
        order by w.id limit $2 for update of w skip locked
    )";

/// Ends the wait of those whose line is over, because it was switched off or nothing of it is sold any more, and
/// of those who want what the organizer does not sell any more. Returns how many.
pub async fn close_over(db: &Client, now: Timestamp, limit: u32) -> Result<u64> {
    let params = params![TIMESTAMPTZ: now.inner(), INT8: i64::from(limit)];
    Ok(db.execute_typed(CLOSE_OVER_SQL, params).await?)
}

const OVERDUE_SQL: &str = "
    select id, user_id from waiting_entries where status = 'offered' and offered_until <= $1 order by offered_until, id limit $2";

/// Offers whose time is over, and to whom they were made.
pub async fn overdue(db: &Client, now: Timestamp, limit: u32) -> Result<Vec<(WaitingEntryId, UserId)>> {
    let params = params![TIMESTAMPTZ: now.inner(), INT8: i64::from(limit)];
    let rows = db.query_typed(OVERDUE_SQL, params).await?;
    rows.iter()
        .map(|row| {
            Ok((
                row.id("id", WaitingEntryId::new)?,
                row.id("user_id", UserId::new)?,
            ))
        })
        .collect()
}

const LAPSE_SQL: &str = "
    with lapsed as (
        update waiting_entries w set status = 'lapsed', ended_at = $2
        where id = $1 and status = 'offered' and offered_until <= $2
          and not exists (
              select from cart_items c
              where c.user_id = w.user_id and c.ticket_type_id = w.ticket_type_id and c.offered_until is not null
                and (exists (select from holds h where h.cart_item_id = c.id)
                  or exists (select from seat_stock k where k.holder_id = c.id and not k.holder_is_order)))
        returning ticket_type_id
    )
    select t.name as ticket, e.name as event
    from lapsed l join ticket_types t on t.id = l.ticket_type_id join events e on e.id = t.event_id";

/// Ends an offer whose time is over and whose stock went back, and tells its owner. `false` if it has ended otherwise, or still has
/// its stock.
pub async fn lapse(tx: &Transaction<'_>, id: WaitingEntryId, user: UserId, now: Timestamp) -> Result<bool> {
    users::lock_buyer(tx, user).await?;
    let params = params![INT8: id.get(), TIMESTAMPTZ: now.inner()];
    let Some(row) = tx.query_typed_opt(LAPSE_SQL, params).await? else {
        return Ok(false);
    };
    let notice = Notice::OfferLapsed {
        ticket: row.col("ticket")?,
        event: row.col("event")?,
    };
    notifications::tell(tx, user, &notice, &id.to_string(), now).await?;
    Ok(true)
}

const LINES_SQL: &str = "
    select w.ticket_type_id from (select distinct ticket_type_id from waiting_entries where status = 'waiting') w
    where exists (select from stock s where s.ticket_type_id = w.ticket_type_id and s.held + s.sold < s.capacity)
    order by 1";

/// Ticket types that somebody waits for and of which something is free.
pub async fn lines(db: &Client) -> Result<Vec<TicketTypeId>> {
    let rows = db.query_typed(LINES_SQL, params![]).await?;
    rows.iter()
        .map(|row| row.id("ticket_type_id", TicketTypeId::new))
        .collect()
}

/// What became of an attempt to serve a line.
#[derive(Debug)]
pub enum Served {
    /// Somebody has tickets kept for them; their letter is in the outbox.
    Offered(Outgoing),
    /// Somebody may not buy what they wanted, or has left. The next one may.
    Passed,
    /// It is nobody's turn, or another worker is at it. Nothing is to be committed.
    Nobody,
}

const SERVE_SQL: &str = "
    select t.waiting_list, t.claim_minutes, t.seated, t.name as ticket, e.name as event, e.time_zone
    from ticket_types t join events e on e.id = t.event_id
    where t.id = $1 and pg_try_advisory_xact_lock(hashtextextended('line of ticket type ' || t.id, 0))";

const FIRSTS_SQL: &str = "
    select distinct on (quantity) quantity, id, user_id from waiting_entries
    where ticket_type_id = $1 and status = 'waiting' order by quantity, id";

const LOCK_WAITING_SQL: &str = "
    select 1 as one from waiting_entries where id = $1 and status = 'waiting' and quantity = $2 for update";

const OFFER_SQL: &str =
    "update waiting_entries set status = 'offered', offered_at = $2, offered_until = $3 where id = $1";

/// Keeps tickets of a ticket type for whoever's turn it is, and tells them: in the cart, the line and the outbox at once. One worker
/// serves a line at a time; another one finds nobody.
///
/// # Errors
/// If the database does not answer; nothing is to be committed then.
pub async fn serve(
    tx: &Transaction<'_>,
    ticket_type: TicketTypeId,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<Served, Error> {
    let line = tx
        .query_typed_opt(SERVE_SQL, params![INT8: ticket_type.get()])
        .await;
    let Some(line) = line.map_err(DbError::from)? else {
        return Ok(Served::Nobody);
    };
    let settings = read_settings(&line)?;
    let seated = line.col("seated")?;
    let free = free(tx, ticket_type, seated, now).await?;
    let firsts = firsts(tx, ticket_type).await?;
    let candidates: Vec<InLine> = firsts.iter().map(|(candidate, _)| *candidate).collect();
    let next = waiting_list::next(settings.mode, &candidates, free);
    let found = next.and_then(|next| firsts.iter().find(|(candidate, _)| *candidate == next));
    let Some((next, user)) = found.copied() else {
        return Ok(Served::Nobody);
    };
    users::lock_buyer(tx, user).await?;
    let sale = ticket_types::for_sale(tx.client(), slice::from_ref(&ticket_type)).await?;
    let Some(sale) = sale.into_iter().next() else {
        return Ok(Served::Nobody);
    };
    let in_cart = cart::lock_of_type(tx, user, ticket_type).await?;
    let params = params![INT8: next.entry.get(), INT4: int(next.quantity)];
    let still_waits = tx.query_typed_opt(LOCK_WAITING_SQL, params).await;
    if still_waits.map_err(DbError::from)?.is_none() {
        return Ok(Served::Passed);
    }
    let held = match &in_cart {
        Some(item) => stock::lock_cart_holds(tx, item.id).await?,
        None => 0,
    };
    if held > 0 && in_cart.is_some_and(|item| item.reserved_until <= now) {
        // What they kept too long is not theirs any more: the next sweep gives it back.
        return Ok(Served::Nobody);
    }
    let bought = bought(tx, user, ticket_type).await?;
    match sale.rules.check(held.saturating_add(next.quantity), bought, now) {
        Ok(()) => {}
        Err(SaleError::SalesClosed { .. }) => return Ok(Served::Nobody),
        Err(_) => {
            end(tx, next.entry, EntryStatus::Closed, now).await?;
            return Ok(Served::Passed);
        }
    }
    let until = waiting_list::offered_until(now, settings.claim, sale.rules.ends());
    let quantity = held.saturating_add(next.quantity);
    let item = cart::offer(tx, user, ticket_type, quantity, until, now).await?;
    let params = params![INT8: next.entry.get(), TIMESTAMPTZ: now.inner(), TIMESTAMPTZ: until.inner()];
    tx.execute_typed(OFFER_SQL, params).await.map_err(DbError::from)?;
    let notice = Notice::TicketsOffered(Turned {
        ticket: line.col("ticket")?,
        event: line.col("event")?,
        quantity: next.quantity,
        until,
        zone: line.col("time_zone")?,
    });
    notifications::tell(tx, user, &notice, &next.entry.to_string(), now).await?;
    let letter = Outgoing::mail(random(), Mail::TicketsOffered { entry: next.entry })?;
    outbox::insert(tx, &letter, now).await?;
    if held > 0 {
        stock::extend_cart(tx, item, until).await?;
    }
    let owner = Owner::Cart(item);
    let taken = if seated {
        let claim = Claim {
            owner,
            ticket_type,
            until,
            passes: true,
        };
        // Nobody else takes any now, so there is no crowd to spread.
        seats::take_best(tx, claim, next.quantity, false, now, &mut |_| 0).await?
    } else {
        let want = Want {
            ticket_type,
            quantity: next.quantity,
            first_stripe: 0,
            until,
        };
        stock::take_before_the_line(tx, owner, want, now)
            .await?
            .map(|()| Vec::new())
    };
    if taken.is_err() {
        return Ok(Served::Nobody);
    }
    if seated {
        cart::set_seats(tx, item, &seats::held(tx, owner).await?).await?;
    }
    Ok(Served::Offered(letter))
}

/// The first of each quantity, and who they are.
async fn firsts(tx: &Transaction<'_>, ticket_type: TicketTypeId) -> Result<Vec<(InLine, UserId)>> {
    let rows = tx
        .query_typed(FIRSTS_SQL, params![INT8: ticket_type.get()])
        .await?;
    rows.iter()
        .map(|row| {
            let candidate = InLine {
                entry: row.id("id", WaitingEntryId::new)?,
                quantity: row.count("quantity")?,
            };
            Ok((candidate, row.id("user_id", UserId::new)?))
        })
        .collect()
}

/// What a letter about an offer says.
#[derive(Debug)]
pub struct Offer {
    /// To whom it was made.
    pub user_id: UserId,
    /// Where it stands.
    pub status: EntryStatus,
    /// What is offered; the deadline is past once it is over.
    pub turned: Turned,
}

const LETTER_SQL: &str = "
    select w.user_id, w.quantity, w.status, w.offered_until, t.name as ticket, e.name as event, e.time_zone
    from waiting_entries w join ticket_types t on t.id = w.ticket_type_id join events e on e.id = t.event_id
    where w.id = $1 and w.offered_until is not null";

/// What somebody is offered. `None` if they are gone, or it was never their turn.
pub async fn offer(db: &Client, id: WaitingEntryId) -> Result<Option<Offer>> {
    let Some(row) = db.query_typed_opt(LETTER_SQL, params![INT8: id.get()]).await? else {
        return Ok(None);
    };
    Ok(Some(Offer {
        user_id: row.id("user_id", UserId::new)?,
        status: row.word("status", EntryStatus::parse)?,
        turned: Turned {
            ticket: row.col("ticket")?,
            event: row.col("event")?,
            quantity: row.count("quantity")?,
            until: row.time("offered_until")?,
            zone: row.col("time_zone")?,
        },
    }))
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

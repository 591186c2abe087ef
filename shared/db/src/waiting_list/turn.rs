//! Whose turn it is, and what becomes of it.

use super::{bought, end, free, read_settings};
use crate::error::{DbError, Result};
use crate::seats::{self, Claim, Group};
use crate::settlement::RandomId;
use crate::sql::{RowExt as _, params};
use crate::stock::{self, Owner, Want};
use crate::ticket_types::int;
use crate::{cart, notifications, outbox, ticket_types, users};
use domain::message::{Mail, Outgoing};
use domain::notice::{Notice, Turned};
use domain::ticket::SaleError;
use domain::waiting_list::{self, EntryStatus, InLine};
use domain::{Error, TicketTypeId, Timestamp, UserId, WaitingEntryId};
use std::slice;
use tokio_postgres::{Client, Transaction};

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
        let own = seats::held(tx, owner).await?;
        let group = Group {
            quantity: next.quantity,
            own: &own,
            accessible: false,
        };
        // Nobody else takes any now, so there is no crowd to spread.
        seats::take_best(tx, claim, group, now, &mut |_| 0).await?
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

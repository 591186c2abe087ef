use crate::App;
use db::Transaction;
use db::cart::CartItem;
use db::seats::{self, Claim, Group};
use db::stock::{self, Owner, Want};
use db::ticket_types::ForSale;
use domain::seating::SeatNumber;
use domain::{CartItemId, Error, TicketTypeId, Timestamp, UserId};
use std::slice;

/// What a purchase has to know of a ticket type.
pub(crate) async fn for_sale(tx: &Transaction<'_>, id: TicketTypeId) -> domain::Result<ForSale> {
    let found = db::ticket_types::for_sale(tx.client(), slice::from_ref(&id)).await?;
    found.into_iter().next().ok_or_else(|| Error::not_found("Ticket"))
}

/// How many units of a ticket type the locked buyer has ordered.
pub(crate) async fn bought(tx: &Transaction<'_>, user: UserId, id: TicketTypeId) -> domain::Result<u32> {
    let bought = db::orders::bought(tx, user, slice::from_ref(&id)).await?;
    Ok(bought.first().map_or(0, |(_, quantity)| *quantity))
}

/// Adds a row for a ticket type that the locked buyer does not have in the cart, with its stock.
pub(crate) async fn add(
    app: &App,
    tx: &Transaction<'_>,
    buyer: UserId,
    sale: &ForSale,
    quantity: u32,
    now: Timestamp,
) -> domain::Result<CartItemId> {
    let until = domain::cart::reserved_until(now, now, app.hold_seconds);
    let item = db::cart::insert(tx, buyer, sale.id, quantity, until, now).await?;
    take(tx, item.id, sale, quantity, until, now).await?;
    Ok(item.id)
}

/// Brings a locked row to a quantity: takes what is missing, gives back what is too much, and keeps it all for a while. The
/// stock comes last, so that the counters of a hot ticket type are locked for as short a time as can be.
pub(crate) async fn set_quantity(
    app: &App,
    tx: &Transaction<'_>,
    item: &CartItem,
    sale: &ForSale,
    quantity: u32,
    now: Timestamp,
) -> domain::Result<()> {
    let held = stock::lock_cart_holds(tx, item.id).await?;
    let held_since = if held == 0 { now } else { item.held_since };
    // What is kept because it is somebody's turn is kept until the time that they were told, neither shorter nor longer.
    let offered = item.offered_until.filter(|_| held > 0);
    let until = offered.unwrap_or_else(|| domain::cart::reserved_until(held_since, now, app.hold_seconds));
    db::cart::update(tx, item.id, quantity, until, held_since, now).await?;
    if held > 0 {
        stock::extend_cart(tx, item.id, until).await?;
    }
    if quantity < held {
        stock::reduce_cart(tx, item.id, held - quantity).await?;
    } else if quantity > held {
        take(tx, item.id, sale, quantity - held, until, now).await?;
    }
    Ok(())
}

/// Which seats a row gets beside those that it keeps.
pub(crate) enum More<'a> {
    /// These.
    Chosen(&'a [SeatNumber]),
    /// As many of the best as that.
    Best(u32),
}

impl More<'_> {
    /// How many.
    pub(crate) fn count(&self) -> u32 {
        match self {
            Self::Chosen(seats) => u32::try_from(seats.len()).unwrap_or(u32::MAX),
            Self::Best(count) => *count,
        }
    }
}

/// What a row of seats shall be.
pub(crate) struct Seats<'a> {
    /// Which of its seats stay. Those that it does not hold any more are taken again.
    pub keep: Vec<SeatNumber>,
    /// Which it gets.
    pub more: More<'a>,
    /// Whether seats that are kept for people who need them are asked for.
    pub accessible: bool,
}

/// Adds a row for seats of a ticket type that the locked buyer does not have in the cart.
pub(crate) async fn add_seats(
    app: &App,
    tx: &Transaction<'_>,
    buyer: UserId,
    sale: &ForSale,
    wanted: Seats<'_>,
    now: Timestamp,
) -> domain::Result<CartItemId> {
    let until = domain::cart::reserved_until(now, now, app.hold_seconds);
    let item = db::cart::insert(tx, buyer, sale.id, wanted.more.count(), until, now).await?;
    take_seats(tx, item.id, sale, wanted, until, now).await?;
    Ok(item.id)
}

/// Brings a locked row to the seats that are wanted: gives back those that are not, takes those that are missing, and keeps them all
/// for a while.
pub(crate) async fn set_seats(
    app: &App,
    tx: &Transaction<'_>,
    item: &CartItem,
    sale: &ForSale,
    mut wanted: Seats<'_>,
    now: Timestamp,
) -> domain::Result<()> {
    stock::lock_cart_holds(tx, item.id).await?;
    let held = seats::held(tx, Owner::Cart(item.id)).await?;
    let held_since = if held.is_empty() { now } else { item.held_since };
    let offered = item.offered_until.filter(|_| !held.is_empty());
    let until = offered.unwrap_or_else(|| domain::cart::reserved_until(held_since, now, app.hold_seconds));
    let kept = u32::try_from(wanted.keep.len()).unwrap_or(u32::MAX);
    let quantity = kept.saturating_add(wanted.more.count());
    db::cart::update(tx, item.id, quantity, until, held_since, now).await?;
    if !held.is_empty() {
        stock::extend_cart(tx, item.id, until).await?;
    }
    let back: Vec<_> = held
        .iter()
        .filter(|seat| !wanted.keep.contains(seat))
        .copied()
        .collect();
    seats::release(tx, item.id, &back).await?;
    wanted.keep.sort_unstable();
    let lost: Vec<_> = wanted
        .keep
        .iter()
        .filter(|seat| !held.contains(seat))
        .copied()
        .collect();
    let claim = claim(item.id, sale, until);
    seats::retake(tx, claim, &lost, now).await??;
    take_seats(tx, item.id, sale, wanted, until, now).await
}

fn claim(item: CartItemId, sale: &ForSale, until: Timestamp) -> Claim {
    Claim {
        owner: Owner::Cart(item),
        ticket_type: sale.id,
        until,
        passes: !sale.has_line,
    }
}

/// Takes the seats that a row gets, and writes down all of its seats.
async fn take_seats(
    tx: &Transaction<'_>,
    item: CartItemId,
    sale: &ForSale,
    wanted: Seats<'_>,
    until: Timestamp,
    now: Timestamp,
) -> domain::Result<()> {
    let (claim, accessible) = (claim(item, sale, until), wanted.accessible);
    let mut all = wanted.keep;
    match wanted.more {
        More::Chosen([]) | More::Best(0) => {}
        More::Chosen(chosen) => {
            seats::choose(tx, claim, chosen, &all, accessible, now).await??;
            all.extend_from_slice(chosen);
        }
        More::Best(count) => {
            let group = Group {
                quantity: count,
                own: &all,
                accessible,
            };
            let more = seats::take_best(tx, claim, group, now, &mut runtime::random::below).await??;
            all.extend(more);
        }
    }
    all.sort_unstable();
    Ok(db::cart::set_seats(tx, item, &all).await?)
}

async fn take(
    tx: &Transaction<'_>,
    item: CartItemId,
    sale: &ForSale,
    quantity: u32,
    until: Timestamp,
    now: Timestamp,
) -> domain::Result<()> {
    let want = Want {
        ticket_type: sale.id,
        quantity,
        first_stripe: runtime::random::below(sale.stripes),
        until,
    };
    Ok(stock::take(tx, Owner::Cart(item), want, now).await??)
}

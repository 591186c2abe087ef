use crate::App;
use db::Transaction;
use db::cart::CartItem;
use db::stock::{self, Owner, Want};
use db::ticket_types::ForSale;
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
    let until = domain::cart::reserved_until(held_since, now, app.hold_seconds);
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

//! From what an order holds to its tickets.

use super::RandomId;
use crate::error::{DbError, Result};
use crate::issued::Unit;
use crate::orders::{Order, OrderItem};
use crate::seats::{self, Claim};
use crate::stock::{Owner, Want};
use crate::{announcements, issued, orders, stock};
use domain::Timestamp;
use domain::event::EventStatus;
use domain::order::OrderStatus;
use tokio_postgres::Transaction;

/// Sells what the order holds and issues its tickets. What is not held any more, because the time to pay was over, is taken
/// again; if that is not to be had, or an event was cancelled meanwhile, or is over, everything is given back and it is `None`.
/// Returns how many tickets there are.
pub(super) async fn fulfil(
    tx: &Transaction<'_>,
    order: &Order,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<Option<u32>> {
    let (events, items) = tokio::try_join!(
        orders::event_statuses(tx, order.id, now),
        orders::items(tx.client(), order.id)
    )?;
    let mut held = Vec::with_capacity(items.len());
    for item in &items {
        held.push(stock::lock_order_holds(tx, item.id).await?);
    }
    // Who paid in time may hear of it late, even after the event; late money does not buy what is over.
    let was_late = order.status != OrderStatus::Pending;
    if events.contains(&EventStatus::Cancelled) || was_late && events.contains(&EventStatus::Ended) {
        stock::release_order(tx, order.id).await?;
        return Ok(None);
    }
    for (item, held) in items.iter().zip(held) {
        let missing = item.quantity.saturating_sub(held);
        if missing == 0 {
            continue;
        }
        if !take_again(tx, item, missing, random, now).await? {
            stock::release_order(tx, order.id).await?;
            return Ok(None);
        }
    }
    let wanted: u32 = items.iter().map(|item| item.quantity).sum();
    let sold = stock::sell(tx, order.id).await?;
    if sold.quantity != wanted {
        return Err(DbError::Value("holds.quantity"));
    }
    announcements::hint_sold_out(tx, &sold.full, now).await?;
    issued::insert(tx, &units(&items, random), now).await?;
    Ok(Some(wanted))
}

/// Takes what a line does not hold any more. Seats are taken again only if they are the same: whoever chose seats did not choose
/// others.
async fn take_again(
    tx: &Transaction<'_>,
    item: &OrderItem,
    missing: u32,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<bool> {
    let (ticket_type, owner) = (item.ticket_type_id, Owner::Order(item.id));
    match (&item.seats, item.seated) {
        (None, false) => {
            let want = Want {
                ticket_type,
                quantity: missing,
                first_stripe: spread(&random(), item.stripes),
                until: now,
            };
            // It was theirs and is paid for: whoever waits for such tickets does not keep it from them.
            Ok(stock::take_before_the_line(tx, owner, want, now).await?.is_ok())
        }
        (Some(wanted), true) => {
            let held = seats::held(tx, owner).await?;
            let gone = wanted.iter().filter(|seat| !held.contains(seat)).copied();
            let claim = Claim {
                owner,
                ticket_type,
                until: now,
                passes: true,
            };
            Ok(seats::take(tx, claim, &gone.collect::<Vec<_>>(), now)
                .await?
                .is_ok())
        }
        // The map was made or taken away since the order.
        _ => Ok(false),
    }
}

fn units(items: &[OrderItem], random: RandomId<'_>) -> Vec<Unit> {
    items
        .iter()
        .flat_map(|item| (1..=item.quantity).map(move |number| (item.id, number)))
        .map(|(item, number)| Unit {
            item,
            number,
            code: random(),
        })
        .collect()
}

/// A stripe to begin with, from random hexadecimal digits.
fn spread(random: &str, stripes: u32) -> u32 {
    let number = random
        .get(..6)
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .unwrap_or(0);
    number.checked_rem(stripes).unwrap_or(0)
}

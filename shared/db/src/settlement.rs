//! What a report of the payment gateway does, in one transaction: the payment moves, held stock becomes sold stock, one
//! ticket is issued per unit, mails are written to the outbox. A repetition changes nothing.

use crate::error::{DbError, Result};
use crate::issued::Unit;
use crate::orders::{Order, OrderItem};
use crate::payments::Payment;
use crate::stock::{Owner, Want};
use crate::{issued, orders, outbox, payments, stock};
use domain::event::EventStatus;
use domain::message::{Mail, Outgoing};
use domain::order::OrderStatus;
use domain::payment::{
    Consequence, PaymentStatus, Transaction as Reported, TransactionStatus, amount_matches, consequence,
    derive,
};
use domain::{Error, OrderId, Timestamp};
use tokio_postgres::Transaction;

/// What the gateway said about one of its transactions.
#[derive(Debug, Clone)]
pub struct Report {
    /// Its id of the transaction.
    pub transaction_id: String,
    /// Where it stands.
    pub status: TransactionStatus,
    /// Amount as it was written.
    pub gross_amount: String,
    /// Currency as it was written.
    pub currency: Option<String>,
    /// Payment method.
    pub payment_type: Option<String>,
}

/// Randomness of a settlement, made by the caller: 128 bits in hexadecimal at each call.
pub type RandomId<'a> = &'a (dyn Fn() -> String + Send + Sync);

/// What came of it.
#[derive(Debug)]
pub struct Applied {
    /// Where the payment stood.
    pub before: PaymentStatus,
    /// Where it stands.
    pub after: PaymentStatus,
    /// Where the order stands.
    pub order: OrderStatus,
    /// Messages to publish after the commit; they are in the outbox.
    pub messages: Vec<Outgoing>,
}

/// Applies a report to the payment of an order. `None` if the order has no payment.
///
/// # Errors
/// If the database does not answer; nothing was changed then.
pub async fn apply(
    tx: &Transaction<'_>,
    order: OrderId,
    report: &Report,
    cause: &str,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<Option<Applied>, Error> {
    let Some(order) = orders::lock(tx, order).await? else {
        return Ok(None);
    };
    let Some(payment) = payments::lock_of_order(tx, order.id).await? else {
        return Ok(None);
    };
    let mut known = payments::transactions(tx, payment.id).await?;
    let matches = amount_matches(payment.amount, &report.gross_amount, report.currency.as_deref());
    let earlier = known
        .iter()
        .find(|(id, _)| *id == report.transaction_id)
        .map(|(_, reported)| *reported);
    let status = earlier.map_or(report.status, |earlier| earlier.status.after(report.status));
    let state = Reported {
        status,
        // One wrong amount in any of its reports, and people have to look at the transaction.
        amount_matches: matches && earlier.is_none_or(|earlier| earlier.amount_matches),
    };
    if earlier != Some(state) {
        let (gross, method) = (report.gross_amount.as_str(), report.payment_type.as_deref());
        payments::put_transaction(tx, payment.id, &report.transaction_id, state, gross, method, now).await?;
    }
    known.retain(|(id, _)| *id != report.transaction_id);
    known.push((report.transaction_id.clone(), state));
    let states: Vec<Reported> = known.into_iter().map(|(_, state)| state).collect();
    let derived = derive(&states);
    // An order that has ended waits for nothing but money.
    let after = if order.status == OrderStatus::Pending || derived.was_paid() {
        derived
    } else {
        payment.status
    };
    move_payment(tx, &order, &payment, after, cause, random, now)
        .await
        .map(Some)
}

/// Settles an order that costs nothing: there is no gateway to wait for.
///
/// # Errors
/// If the database does not answer; nothing was changed then.
pub async fn settle_free(
    tx: &Transaction<'_>,
    order: &Order,
    payment: &Payment,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<Applied, Error> {
    move_payment(
        tx,
        order,
        payment,
        PaymentStatus::Success,
        "free of charge",
        random,
        now,
    )
    .await
}

async fn move_payment(
    tx: &Transaction<'_>,
    order: &Order,
    payment: &Payment,
    after: PaymentStatus,
    cause: &str,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<Applied, Error> {
    let before = payment.status;
    let mut applied = Applied {
        before,
        after,
        order: order.status,
        messages: Vec::new(),
    };
    if before == after {
        return Ok(applied);
    }
    payments::set_status(tx, payment.id, before, after, cause, now).await?;
    let (status, mail) = match consequence(before, after) {
        Consequence::None => return Ok(applied),
        Consequence::Fulfil => {
            if fulfil(tx, order, random, now).await? {
                (OrderStatus::Paid, Some(Mail::Tickets { order: order.id }))
            } else {
                (OrderStatus::RefundDue, Some(Mail::RefundDue { order: order.id }))
            }
        }
        Consequence::Void => {
            stock::release_order(tx, order.id).await?;
            stock::unsell(tx, order.id).await?;
            issued::void_order(tx, order.id, now).await?;
            let refunded = after == PaymentStatus::Refunded;
            (
                if refunded {
                    OrderStatus::Refunded
                } else {
                    OrderStatus::Disputed
                },
                None,
            )
        }
        Consequence::Alert => {
            stock::release_order(tx, order.id).await?;
            (OrderStatus::Disputed, None)
        }
    };
    orders::set_status(tx, order.id, status, now).await?;
    applied.order = status;
    if let Some(mail) = mail {
        let message = Outgoing::mail(random(), mail)?;
        outbox::insert(tx, &message, now).await?;
        applied.messages.push(message);
    }
    Ok(applied)
}

/// Sells what the order holds and issues its tickets. What is not held any more, because the time to pay was over, is taken
/// again; if that is not to be had, or an event was cancelled meanwhile, everything is given back and `false` says so.
async fn fulfil(tx: &Transaction<'_>, order: &Order, random: RandomId<'_>, now: Timestamp) -> Result<bool> {
    let (events, items) = tokio::try_join!(
        orders::event_statuses(tx, order.id, now),
        orders::items(tx.client(), order.id)
    )?;
    let mut held = Vec::with_capacity(items.len());
    for item in &items {
        held.push(stock::lock_order_holds(tx, item.id).await?);
    }
    if events.contains(&EventStatus::Cancelled) {
        stock::release_order(tx, order.id).await?;
        return Ok(false);
    }
    for (item, held) in items.iter().zip(held) {
        let missing = item.quantity.saturating_sub(held);
        if missing == 0 {
            continue;
        }
        let want = Want {
            ticket_type: item.ticket_type_id,
            quantity: missing,
            first_stripe: spread(&random(), item.stripes),
            until: now,
        };
        if stock::take(tx, Owner::Order(item.id), want, now).await?.is_err() {
            stock::release_order(tx, order.id).await?;
            return Ok(false);
        }
    }
    let wanted: u32 = items.iter().map(|item| item.quantity).sum();
    if stock::sell(tx, order.id).await? != wanted {
        return Err(DbError::Value("holds.quantity"));
    }
    issued::insert(tx, &units(&items, random), now).await?;
    Ok(true)
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

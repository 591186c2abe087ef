//! Money that people transfer to and from accounts, past the gateway.

use super::returns::Finished;
use super::{Applied, Move, RandomId, after_returns, move_payment};
use crate::error::Result;
use crate::{orders, outbox, payments, promos, refunds, stock, transfers};
use domain::ledger::Account;
use domain::message::{Happening, Outgoing};
use domain::order::OrderStatus;
use domain::payment::PaymentStatus;
use domain::refund::RefundStatus;
use domain::transfer::TransferError;
use domain::{Error, OrderId, RefundId, Rupiah, Timestamp, UserId};
use tokio_postgres::Transaction;

/// Notes that people have transferred a refund. `None` if there is no such refund, or nobody was asked to.
///
/// # Errors
/// If the database does not answer; nothing was changed then.
pub async fn transferred(
    tx: &Transaction<'_>,
    order: OrderId,
    refund: RefundId,
    reference: &str,
    by: UserId,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<Option<Applied>, Error> {
    let Some(order) = orders::lock(tx, order).await? else {
        return Ok(None);
    };
    let Some(payment) = payments::lock_of_order(tx, order.id).await? else {
        return Ok(None);
    };
    let mut refunds = refunds::of_payment(tx.client(), payment.id).await?;
    let Some(found) = refunds
        .iter_mut()
        .find(|found| found.id == refund && found.status == RefundStatus::Manual)
    else {
        return Ok(None);
    };
    refunds::close(tx, refund, RefundStatus::Done, None, Some((reference, by)), now).await?;
    found.status = RefundStatus::Done;
    let finished = [Finished::of(found, Account::Bank)];
    let transactions = payments::transactions(tx, payment.id).await?;
    let transactions: Vec<_> = transactions
        .into_iter()
        .map(|known| (known.state, known.amount))
        .collect();
    let after = after_returns(&payment, payment.status, &transactions, &refunds);
    let moved = Move {
        after,
        cause: "people transferred money back",
        finished: &finished,
    };
    move_payment(tx, &order, &payment, moved, random, now)
        .await
        .map(Some)
}

/// What somebody who looked at their account says of a transfer.
#[derive(Debug, Clone, Copy)]
pub struct Confirmation<'a> {
    /// By which it is found again at the bank.
    pub reference: &'a str,
    /// How much it was.
    pub amount: Rupiah,
    /// Who looked.
    pub by: UserId,
}

/// Settles an order whose transfer was found at the bank: as a report of the gateway does, also when it comes late. `None` if the
/// same was said before, which changes nothing.
///
/// # Errors
/// [`TransferError::WrongAmount`], [`TransferError::Confirmed`] or [`TransferError::ReferenceUsed`]; not found if the order is not
/// paid by transfer; or if the database does not answer. Nothing was changed then.
pub async fn confirm_transfer(
    tx: &Transaction<'_>,
    order: OrderId,
    said: Confirmation<'_>,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<Option<Applied>, Error> {
    let missing = || Error::not_found("Transfer");
    // Two who confirm at once are heard one after the other: the second sees what the first has said.
    let order = orders::lock(tx, order).await?.ok_or_else(missing)?;
    let payment = payments::lock_of_order(tx, order.id).await?.ok_or_else(missing)?;
    let transfer = transfers::of_order(tx.client(), order.id)
        .await?
        .ok_or_else(missing)?;
    if said.amount != payment.amount {
        return Err(TransferError::WrongAmount(payment.amount).into());
    }
    match transfer.reference {
        Some(reference) if reference == said.reference => return Ok(None),
        Some(_) => return Err(TransferError::Confirmed.into()),
        None => {}
    }
    match transfers::confirm(tx, payment.id, said.reference, said.by, now).await {
        Err(error) if error.is_constraint("transfers_reference_key") => {
            return Err(TransferError::ReferenceUsed.into());
        }
        confirmed => confirmed?,
    }
    let moved = Move {
        after: PaymentStatus::Success,
        cause: "the transfer was found at the bank",
        finished: &[],
    };
    move_payment(tx, &order, &payment, moved, random, now)
        .await
        .map(Some)
}

/// Ends an order for whose transfer nobody shall wait any more, because its buyer says so; its stock goes back on sale. Should the
/// money come nevertheless, it is late money. Returns what is to be published, which is in the outbox; nothing if it was ended
/// before.
///
/// # Errors
/// [`TransferError::Paid`] if it was confirmed; or if the database does not answer. Nothing was changed then.
pub async fn give_up_transfer(
    tx: &Transaction<'_>,
    order: OrderId,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<Vec<Outgoing>, Error> {
    let missing = || Error::not_found("Transfer");
    let order = orders::lock(tx, order).await?.ok_or_else(missing)?;
    let payment = payments::lock_of_order(tx, order.id).await?.ok_or_else(missing)?;
    if payment.status.was_paid() {
        return Err(TransferError::Paid.into());
    }
    if order.status != OrderStatus::Pending {
        return Ok(Vec::new());
    }
    let (from, to) = (payment.status, PaymentStatus::Cancelled);
    payments::set_status(tx, payment.id, from, to, "the buyer gave it up", now).await?;
    orders::set_status(tx, order.id, OrderStatus::Cancelled, now).await?;
    stock::release_order(tx, order.id).await?;
    promos::give_back(tx, &order, now).await?;
    let message = Outgoing::happening(random(), Happening::Order { order: order.id })?;
    outbox::insert(tx, &message, now).await?;
    Ok(vec![message])
}

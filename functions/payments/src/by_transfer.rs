//! Beginning a payment by bank transfer.

use db::Transaction;
use db::orders::Order;
use db::payments::Payment;
use domain::message::{Happening, Mail, Outgoing};
use domain::transfer::{TransferError, agree};
use domain::{Error, Timestamp};

/// Makes a locked order wait for a transfer, and writes to its locked buyer where the money goes. Its stock is kept until then, so
/// a buyer has one such order for an event at a time, and guests, who may be anybody any number of times, have none. An order that
/// waits already goes on doing so.
pub(crate) async fn begin(
    tx: &Transaction<'_>,
    order: &Order,
    is_guest: bool,
    messages: &mut Vec<Outgoing>,
    now: Timestamp,
) -> domain::Result<Payment> {
    if db::transfers::of_order(tx.client(), order.id).await?.is_none() {
        if is_guest {
            return Err(TransferError::AccountRequired.into());
        }
        let offers = db::transfers::offers(tx, order.id).await?;
        let (account, organizer, until) = agree(&offers, now)?;
        if db::transfers::another_waits(tx, order.user_id, order.id).await? {
            return Err(TransferError::OtherWaits.into());
        }
        db::transfers::begin(tx, order.id, organizer, account, until, now)
            .await?
            .ok_or(TransferError::PageOpened)?;
        db::orders::extend(tx, order.id, until, now).await?;
        let mail = Outgoing::mail(
            runtime::random::hex::<16>(),
            Mail::TransferDue { order: order.id },
        )?;
        let happening = Happening::Order { order: order.id };
        for message in [
            mail,
            Outgoing::happening(runtime::random::hex::<16>(), happening)?,
        ] {
            db::outbox::insert(tx, &message, now).await?;
            messages.push(message);
        }
    }
    let payment = db::payments::lock_of_order(tx, order.id).await?;
    payment.ok_or_else(|| Error::internal("a transfer without a payment"))
}

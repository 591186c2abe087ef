//! What a report of the payment gateway does, in one transaction: the payment moves, held stock becomes sold stock, one
//! ticket is issued per unit, mails are written to the outbox. A repetition changes nothing.

mod fulfilment;
mod returns;
mod transfers;

pub use transfers::{Confirmation, confirm_transfer, give_up_transfer, transferred};

use crate::error::Result;
use crate::ledger::Posting;
use crate::orders::Order;
use crate::payments::{Known, Payment};
use crate::refunds::Refund;
use crate::{
    handovers, issued, ledger, notifications, orders, outbox, payments, promos, refunds, stock,
    webhook_deliveries,
};
use domain::message::{Happening, Mail, Outgoing};
use domain::notice::Notice;
use domain::order::OrderStatus;
use domain::payment::{
    Consequence, PaymentMethod, PaymentStatus, Transaction as Reported, TransactionStatus, consequence,
    derive, is_paid_twice, is_untold, read_amount, received, with_returns, without_late_success,
};
use domain::refund::{RefundStatus, is_refundable, returned};
use domain::webhook::EventType;
use domain::{Error, OrderId, Rupiah, Timestamp};
use fulfilment::fulfil;
use returns::{Finished, correct, give_back_late_money, learn, reverse};
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
    /// What was given back of it so far, as far as the gateway says.
    pub refunds: Vec<GivenBack>,
}

/// Money that the gateway gave back.
#[derive(Debug, Clone)]
pub struct GivenBack {
    /// The key of the refund.
    pub key: String,
    /// How much.
    pub amount: Rupiah,
    /// Why.
    pub reason: Option<String>,
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
    let Some(mut payment) = payments::lock_of_order(tx, order.id).await? else {
        return Ok(None);
    };
    if payment.method != PaymentMethod::Midtrans {
        // No page of it was ever shown, so nobody can have paid there.
        tracing::error!(
            order = order.code,
            "the gateway tells of an order that is paid by transfer"
        );
        return Ok(None);
    }
    let (transactions, state) = hear(tx, &payment, report, now).await?;
    let mut states: Vec<Reported> = transactions.iter().map(|(state, _)| *state).collect();
    if payment.status.was_paid() && payment.status != PaymentStatus::Conflicted && payment.received.is_none()
    {
        // What was paid as it was asked stays, whatever another report says: tickets were issued for it.
        if states.iter().any(|state| !state.amount_matches) {
            tracing::error!(
                order = order.code,
                "an order that was paid is said to have another amount"
            );
        }
        for state in &mut states {
            state.amount_matches = true;
        }
    }
    let is_wrong = payment.status == PaymentStatus::Conflicted || payment.received.is_some();
    if (is_wrong || !payment.status.was_paid())
        && let Some(received) = received(&transactions)
        && payment.received != Some(received)
    {
        if is_wrong {
            tracing::error!(
                order = order.code,
                received = received.get(),
                "another sum came in for an order that was paid in a wrong amount"
            );
        }
        payments::set_received(tx, payment.id, received).await?;
        payment.received = Some(received);
    }
    let derived = derive(&states);
    let allowed = without_late_success(payment.status, derived, payment.received.is_some());
    if allowed != derived {
        tracing::error!(
            order = order.code,
            status = payment.status.as_str(),
            "money came in for an order for which nothing is issued any more"
        );
    }
    let derived = allowed;
    // An order that has ended waits for nothing but money.
    let derived = if order.status == OrderStatus::Pending || derived.was_paid() {
        derived
    } else {
        payment.status
    };
    let mut refunds = refunds::of_payment(tx.client(), payment.id).await?;
    let is_counted = derived == PaymentStatus::Conflicted && payment.received.is_some();
    let finished = if is_refundable(derived) || is_counted || derived == PaymentStatus::Refunded {
        let gone = gone(&payment, &transactions);
        learn(tx, &payment, &mut refunds, report, state, gone, now).await?
    } else {
        Vec::new()
    };
    note_paid_twice(tx, &order, &payment, &states, &refunds).await?;
    let after = after_returns(&payment, derived, &transactions, &refunds);
    let moved = Move {
        after,
        cause,
        finished: &finished,
    };
    move_payment(tx, &order, &payment, moved, random, now)
        .await
        .map(Some)
}

/// Notes whether the gateway holds more than it should. What came in for a payment in a wrong amount is counted whole instead.
async fn note_paid_twice(
    tx: &Transaction<'_>,
    order: &Order,
    payment: &Payment,
    transactions: &[Reported],
    refunds: &[Refund],
) -> Result<()> {
    let made = refunds
        .iter()
        .filter(|refund| refund.status == RefundStatus::Succeeded);
    let back: i64 = made.map(|refund| refund.amount.get()).sum();
    let is_paid_twice =
        payment.received.is_none() && is_paid_twice(transactions, back >= payment.amount.get());
    if is_paid_twice == payment.is_paid_twice {
        return Ok(());
    }
    if is_paid_twice {
        tracing::error!(
            order = order.code,
            "an order was paid by two transactions; one of them is to be given back at the gateway"
        );
    }
    payments::set_paid_twice(tx, payment.id, is_paid_twice).await
}

/// What went back as whole transactions. What was paid as it was asked went back only if no other transaction paid it, too: `None`
/// then, because what goes back of the one that was too many leaves the payment as it is.
fn gone(payment: &Payment, transactions: &[(Reported, Option<Rupiah>)]) -> Option<Rupiah> {
    if payment.received.is_none() {
        let others = transactions.split_last().map_or(&[][..], |(_, others)| others);
        let is_paid = others.iter().any(|(state, _)| state.holds_what_was_asked());
        return (!is_paid).then(|| payment.paid());
    }
    let back = transactions
        .iter()
        .filter(|(state, _)| state.status == TransactionStatus::Refunded);
    let sum = back.filter_map(|(_, amount)| *amount).map(Rupiah::get).sum();
    Some(Rupiah::new(sum).unwrap_or(Rupiah::ZERO))
}

/// Where a payment stands after its refunds. As long as somebody's money lies at the gateway that is in no book, not everything
/// went back.
fn after_returns(
    payment: &Payment,
    derived: PaymentStatus,
    transactions: &[(Reported, Option<Rupiah>)],
    refunds: &[Refund],
) -> PaymentStatus {
    if derived == PaymentStatus::Conflicted && is_untold(transactions) {
        return derived;
    }
    with_returns(derived, payment.paid(), returned(&refunds::known(refunds)))
}

/// Keeps what a report says of its transaction. Returns all transactions of the payment with their amounts, this one last, and where
/// it stands now.
async fn hear(
    tx: &Transaction<'_>,
    payment: &Payment,
    report: &Report,
    now: Timestamp,
) -> Result<(Vec<(Reported, Option<Rupiah>)>, TransactionStatus)> {
    let mut known = payments::transactions(tx, payment.id).await?;
    let at = known.iter().position(|known| known.id == report.transaction_id);
    let earlier = at.map(|at| known.swap_remove(at));
    let amount = read_amount(&report.gross_amount, report.currency.as_deref());
    let state = earlier
        .as_ref()
        .map_or(report.status, |earlier| earlier.state.status.after(report.status));
    let was_wrong = earlier.as_ref().filter(|earlier| !earlier.state.amount_matches);
    let told = Known {
        id: report.transaction_id.clone(),
        state: Reported {
            status: state,
            // One wrong amount in any of its reports, and people have to look at the transaction.
            amount_matches: amount == Some(payment.amount) && was_wrong.is_none(),
        },
        amount: was_wrong.map_or(amount, |earlier| earlier.amount),
    };
    if earlier.is_none_or(|earlier| earlier.state != told.state) {
        let (gross, method) = (report.gross_amount.as_str(), report.payment_type.as_deref());
        payments::put_transaction(tx, payment.id, &told, gross, method, now).await?;
    }
    known.push(told);
    let states = known.into_iter().map(|known| (known.state, known.amount));
    Ok((states.collect(), state))
}

/// Ends an order that cost nothing and whose tickets were all taken back. One that cost something ends with its money.
///
/// # Errors
/// If the database does not answer; nothing was changed then.
pub async fn end_if_free_and_empty(
    tx: &Transaction<'_>,
    order: &Order,
    payment: &Payment,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    if payment.amount == Rupiah::ZERO && issued::lock_live(tx, order.id).await?.is_empty() {
        let moved = Move {
            after: PaymentStatus::Refunded,
            cause: "all tickets were taken back",
            finished: &[],
        };
        move_payment(tx, order, payment, moved, random, now).await?;
    }
    Ok(())
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
    let moved = Move {
        after: PaymentStatus::Success,
        cause: "free of charge",
        finished: &[],
    };
    move_payment(tx, order, payment, moved, random, now).await
}

/// A step of a payment.
struct Move<'a> {
    /// Where it leads; it may stay.
    after: PaymentStatus,
    /// Why.
    cause: &'a str,
    /// What went back meanwhile.
    finished: &'a [Finished],
}

/// Moves a payment with all that follows. What went back is posted after what came in: both may be heard of at once.
async fn move_payment(
    tx: &Transaction<'_>,
    order: &Order,
    payment: &Payment,
    moved: Move<'_>,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<Applied, Error> {
    let Move {
        after,
        cause,
        finished,
    } = moved;
    let before = payment.status;
    let mut applied = Applied {
        before,
        after,
        order: order.status,
        messages: Vec::new(),
    };
    if before != after {
        payments::set_status(tx, payment.id, before, after, cause, now).await?;
        for mail in follow(tx, order, payment, &mut applied, random, now).await? {
            applied.messages.push(Outgoing::mail(random(), mail)?);
        }
        let happening = Happening::Order { order: order.id };
        applied.messages.push(Outgoing::happening(random(), happening)?);
    }
    if payment.received.is_some() && matches!(after, PaymentStatus::Conflicted | PaymentStatus::Refunded) {
        correct(tx, payment, finished, now).await?;
    }
    for refund in finished {
        let balances = ledger::balances(tx, payment.id).await?;
        let entries = domain::ledger::refund(refund.amount, &refund.parts, &balances, refund.way);
        ledger::post(tx, Posting::Refund(refund.id), payment.id, &entries, now).await?;
        let done = |order, amount| Notice::RefundDone { order, amount };
        refunds::tell_buyer(tx, refund.id, done, now).await?;
        let mail = Mail::RefundDone { refund: refund.id };
        applied.messages.push(Outgoing::mail(random(), mail)?);
    }
    if before != after && after == PaymentStatus::Chargeback {
        reverse(tx, payment, now).await?;
    }
    outbox::insert_all(tx, &applied.messages, now).await?;
    if let Some(event) = EventType::of_order(order.status, applied.order) {
        let told = webhook_deliveries::tell_of_order(tx, order, event, random, now).await?;
        applied.messages.extend(told);
    }
    for refund in finished {
        let told = webhook_deliveries::tell_of_refund(tx, order, refund.id, random, now).await?;
        applied.messages.extend(told);
    }
    if applied.order == OrderStatus::RefundDue {
        let started = give_back_late_money(tx, order, payment, random, now).await?;
        applied.messages.extend(started);
    }
    Ok(applied)
}

/// What the new status of a payment means for its order, its stock, its tickets and the ledger. Returns what the buyer is told.
async fn follow(
    tx: &Transaction<'_>,
    order: &Order,
    payment: &Payment,
    applied: &mut Applied,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<Vec<Mail>, Error> {
    let (before, after) = (applied.before, applied.after);
    let is_counted = after != PaymentStatus::Conflicted || payment.received.is_some();
    let came_in = !before.was_paid() && after.was_paid() && is_counted;
    let mut mails = Vec::new();
    let status = match consequence(before, after) {
        Consequence::None => order.status,
        Consequence::Fulfil => {
            let code = order.code.clone();
            let (status, notice) = match fulfil(tx, order, random, now).await? {
                Some(tickets) => {
                    promos::take_again(tx, order, now).await?;
                    // A receipt for what cost something.
                    mails
                        .extend((payment.amount > Rupiah::ZERO).then_some(Mail::Payment { order: order.id }));
                    mails.push(Mail::Tickets { order: order.id });
                    (OrderStatus::Paid, Notice::OrderPaid { order: code, tickets })
                }
                None => {
                    promos::give_back(tx, order, now).await?;
                    mails.push(Mail::RefundDue { order: order.id });
                    let amount = payment.paid();
                    (
                        OrderStatus::RefundDue,
                        Notice::PaidTooLate { order: code, amount },
                    )
                }
            };
            notifications::tell(tx, order.user_id, &notice, &order.id.to_string(), now).await?;
            status
        }
        Consequence::Void => {
            stock::release_order(tx, order.id).await?;
            let live = issued::lock_live(tx, order.id).await?;
            let live: Vec<_> = live.into_iter().map(|ticket| ticket.id).collect();
            issued::void(tx, &live, now).await?;
            mails.extend(handovers::tell_of_void(tx, order.user_id, &live, false, now).await?);
            stock::unsell(tx, &live).await?;
            match after {
                PaymentStatus::Refunded => OrderStatus::Refunded,
                _ => OrderStatus::Disputed,
            }
        }
        Consequence::Alert => {
            stock::release_order(tx, order.id).await?;
            promos::give_back(tx, order, now).await?;
            OrderStatus::Disputed
        }
    };
    if status != order.status {
        orders::set_status(tx, order.id, status, now).await?;
        applied.order = status;
    }
    if came_in {
        let into = payment.method.account();
        let entries = if status == OrderStatus::Paid {
            domain::ledger::charge(payment.amount, &ledger::sold(tx, order.id).await?, into)
        } else {
            domain::ledger::charge_unearned(payment.paid(), into)
        };
        ledger::post(tx, Posting::Charge, payment.id, &entries, now).await?;
    }
    Ok(mails)
}

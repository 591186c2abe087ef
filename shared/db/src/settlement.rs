//! What a report of the payment gateway does, in one transaction: the payment moves, held stock becomes sold stock, one
//! ticket is issued per unit, mails are written to the outbox. A repetition changes nothing.

use crate::error::{DbError, Result};
use crate::issued::Unit;
use crate::ledger::Posting;
use crate::orders::{Order, OrderItem};
use crate::payments::{Known, Payment};
use crate::refunds::{Asked, Refund};
use crate::seats::{self, Claim};
use crate::stock::{Owner, Want};
use crate::{
    announcements, handovers, issued, ledger, notifications, orders, outbox, payments, promos, refunds,
    stock, transfers, webhook_deliveries,
};
use domain::event::EventStatus;
use domain::ledger::Account;
use domain::message::{Happening, Mail, Outgoing};
use domain::notice::Notice;
use domain::order::OrderStatus;
use domain::payment::{
    Consequence, PaymentMethod, PaymentStatus, Transaction as Reported, TransactionStatus, consequence,
    derive, is_untold, read_amount, received, with_returns, without_late_success,
};
use domain::price::split;
use domain::refund::{
    Cause, Known as Promise, Plan, RefundStatus, is_refundable, overtaken, promised, returned,
};
use domain::transfer::TransferError;
use domain::webhook::EventType;
use domain::{Error, EventId, OrderId, RefundId, Rupiah, Timestamp, UserId};
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
    if states.iter().filter(|state| state.holds_what_was_asked()).count() > 1 {
        tracing::error!(
            order = order.code,
            "an order was paid by two transactions; one of them is to be given back at the gateway"
        );
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

/// Money that went back in this transaction.
struct Finished {
    id: RefundId,
    amount: Rupiah,
    parts: Vec<(EventId, Rupiah)>,
    way: Account,
}

impl Finished {
    fn of(refund: &Refund, way: Account) -> Self {
        Self {
            id: refund.id,
            amount: refund.amount,
            parts: refund.parts.clone(),
            way,
        }
    }
}

/// Compares the refunds of a locked payment with what the gateway gave back. Ours that it made have succeeded; those that
/// somebody made on its dashboard are written down; and open ones for which nothing is left then are given up.
async fn learn(
    tx: &Transaction<'_>,
    payment: &Payment,
    refunds: &mut Vec<Refund>,
    report: &Report,
    state: TransactionStatus,
    gone: Option<Rupiah>,
    now: Timestamp,
) -> Result<Vec<Finished>> {
    let mut finished = Vec::new();
    for given in &report.refunds {
        match refunds.iter_mut().find(|refund| refund.key == given.key) {
            Some(refund) if refund.status.gave_back() => {}
            Some(refund) => finished.push(succeed(tx, refund, now).await?),
            None if gone.is_none() => {}
            None => {
                finished.extend(foreign(tx, payment, refunds, given, now).await?);
            }
        }
    }
    if state == TransactionStatus::Refunded
        && let Some(gone) = gone
        && returned(&refunds::known(refunds)) < gone
    {
        // Called off before it was settled, or told without the single refunds: everything of it went back.
        if gone >= payment.paid() {
            for refund in refunds.iter_mut().filter(|refund| refund.status.is_open()) {
                finished.push(succeed(tx, refund, now).await?);
            }
        }
        let back = returned(&refunds::known(refunds));
        let rest = GivenBack {
            key: format!("midtrans-{}", report.transaction_id),
            amount: gone.minus(back).unwrap_or(Rupiah::ZERO),
            reason: None,
        };
        finished.extend(foreign(tx, payment, refunds, &rest, now).await?);
    }
    for id in overtaken(&refunds::known(refunds), payment.paid()) {
        give_up(tx, refunds, id, "the money went back another way", now).await?;
    }
    Ok(finished)
}

/// Our refund was made.
async fn succeed(tx: &Transaction<'_>, refund: &mut Refund, now: Timestamp) -> Result<Finished> {
    refunds::close(tx, refund.id, RefundStatus::Succeeded, None, None, now).await?;
    refund.status = RefundStatus::Succeeded;
    Ok(Finished::of(refund, Account::Gateway))
}

async fn give_up(
    tx: &Transaction<'_>,
    refunds: &mut [Refund],
    id: RefundId,
    why: &str,
    now: Timestamp,
) -> Result<()> {
    refunds::close(tx, id, RefundStatus::Failed, Some(why), None, now).await?;
    let failed = |order, amount| Notice::RefundFailed { order, amount };
    refunds::tell_buyer(tx, id, failed, now).await?;
    for refund in refunds.iter_mut().filter(|refund| refund.id == id) {
        refund.status = RefundStatus::Failed;
    }
    Ok(())
}

/// Writes down a refund that was made past this program, at most as much as was paid. It is paid by the events of the order in
/// the proportion of what is left of their takings.
async fn foreign(
    tx: &Transaction<'_>,
    payment: &Payment,
    refunds: &mut Vec<Refund>,
    given: &GivenBack,
    now: Timestamp,
) -> Result<Option<Finished>> {
    let back = returned(&refunds::known(refunds));
    let left = payment.paid().minus(back).unwrap_or(Rupiah::ZERO);
    let amount = given.amount.min(left);
    if amount == Rupiah::ZERO {
        return Ok(None);
    }
    // Those that were promised the same money pay it, so they are given up first.
    let mut as_if_given = refunds::known(refunds);
    as_if_given.push(Promise {
        id: RefundId::new(0),
        amount,
        status: RefundStatus::Succeeded,
    });
    for id in overtaken(&as_if_given, payment.paid()) {
        give_up(tx, refunds, id, "the money went back another way", now).await?;
    }
    let takings = refunds::takings(tx.client(), payment.order_id, None).await?;
    let bases: Vec<Rupiah> = takings.iter().map(|takings| takings.left).collect();
    // Of money in a wrong amount nobody earned anything.
    let earned =
        payment.received.is_none() && bases.iter().map(|base| base.get()).sum::<i64>() >= amount.get();
    let shares = split(amount, &bases);
    let parts = takings.iter().map(|takings| takings.event).zip(shares);
    let plan = Plan {
        tickets: Vec::new(),
        amount,
        parts: parts.filter(|(_, part)| earned && *part > Rupiah::ZERO).collect(),
    };
    let reason = given.reason.as_deref().unwrap_or("made at the payment gateway");
    refunds::insert_foreign(tx, payment, &given.key, reason, &plan, now).await?;
    *refunds = refunds::of_payment(tx.client(), payment.id).await?;
    let inserted = refunds.iter().find(|refund| refund.key == given.key);
    Ok(inserted.map(|refund| Finished::of(refund, Account::Gateway)))
}

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

/// Brings the books of money in wrong amounts to what its transactions say, before what has just gone back is posted.
async fn correct(
    tx: &Transaction<'_>,
    payment: &Payment,
    finished: &[Finished],
    now: Timestamp,
) -> Result<(), Error> {
    let refunds = refunds::of_payment(tx.client(), payment.id).await?;
    let unposted: i64 = finished.iter().map(|refund| refund.amount.get()).sum();
    let back = returned(&refunds::known(&refunds)).get() - unposted;
    let there = Rupiah::new(payment.paid().get() - back).unwrap_or(Rupiah::ZERO);
    let balances = ledger::balances(tx, payment.id).await?;
    let booked = balances
        .iter()
        .find(|balance| balance.account == Account::Unearned);
    let booked = booked.map_or(Rupiah::ZERO, |balance| balance.amount);
    let entries = domain::ledger::correction(booked, there);
    Ok(ledger::post(tx, Posting::Correction, payment.id, &entries, now).await?)
}

/// The payer's bank took the money: what is left of it is gone, and nothing of it can be given back any more.
async fn reverse(tx: &Transaction<'_>, payment: &Payment, now: Timestamp) -> Result<(), Error> {
    let mut refunds = refunds::of_payment(tx.client(), payment.id).await?;
    let open = refunds.iter().filter(|refund| refund.status.is_open());
    let open: Vec<RefundId> = open.map(|refund| refund.id).collect();
    for id in open {
        give_up(tx, &mut refunds, id, "the payer's bank took the money back", now).await?;
    }
    let entries = domain::ledger::reversal(&ledger::balances(tx, payment.id).await?);
    // Of several transactions in wrong amounts each may be taken back.
    let posting = match payment.received {
        Some(_) => Posting::Correction,
        None => Posting::Reversal,
    };
    Ok(ledger::post(tx, posting, payment.id, &entries, now).await?)
}

/// Money that came for what could not be given goes back: what of it is neither given back nor on its way is requested.
async fn give_back_late_money(
    tx: &Transaction<'_>,
    order: &Order,
    payment: &Payment,
    random: RandomId<'_>,
    now: Timestamp,
) -> Result<Vec<Outgoing>, Error> {
    let refunds = refunds::of_payment(tx.client(), payment.id).await?;
    let promised = promised(&refunds::known(&refunds));
    let left = payment.amount.minus(promised).unwrap_or(Rupiah::ZERO);
    if left == Rupiah::ZERO {
        return Ok(Vec::new());
    }
    let asked = Asked {
        cause: Cause::LatePayment,
        by: None,
        event: None,
        reason: "The payment came too late for its tickets",
    };
    let plan = Plan {
        tickets: Vec::new(),
        amount: left,
        parts: Vec::new(),
    };
    let (_, messages) = refunds::request(tx, order, payment, &asked, &plan, random, now).await?;
    Ok(messages)
}

/// Sells what the order holds and issues its tickets. What is not held any more, because the time to pay was over, is taken
/// again; if that is not to be had, or an event was cancelled meanwhile, or is over, everything is given back and it is `None`.
/// Returns how many tickets there are.
async fn fulfil(
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

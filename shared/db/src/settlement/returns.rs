//! Money that goes back, and the books of it.

use super::{GivenBack, RandomId, Report};
use crate::error::Result;
use crate::ledger::Posting;
use crate::orders::Order;
use crate::payments::Payment;
use crate::refunds::{Asked, Refund};
use crate::{ledger, refunds};
use domain::ledger::Account;
use domain::message::Outgoing;
use domain::notice::Notice;
use domain::payment::TransactionStatus;
use domain::price::split;
use domain::refund::{Cause, Known as Promise, Plan, RefundStatus, overtaken, promised, returned};
use domain::{Error, EventId, RefundId, Rupiah, Timestamp};
use tokio_postgres::Transaction;

/// Money that went back in this transaction.
pub(super) struct Finished {
    pub id: RefundId,
    pub amount: Rupiah,
    pub parts: Vec<(EventId, Rupiah)>,
    pub way: Account,
}

impl Finished {
    pub fn of(refund: &Refund, way: Account) -> Self {
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
pub(super) async fn learn(
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

/// Brings the books of money in wrong amounts to what its transactions say, before what has just gone back is posted.
pub(super) async fn correct(
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
pub(super) async fn reverse(tx: &Transaction<'_>, payment: &Payment, now: Timestamp) -> Result<(), Error> {
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
pub(super) async fn give_back_late_money(
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

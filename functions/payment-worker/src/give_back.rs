use crate::App;
use db::refunds::Refund;
use domain::payment::PaymentStatus;
use domain::refund::{RefundStatus, Step, may_try_on, next_step};
use domain::{Error, RefundId, Rupiah, Timestamp};
use gateway::{GatewayError, TransactionReport};

/// What a request to the gateway came to.
enum Outcome {
    /// It says how the payment stands now; whether that holds the refund is read out of it.
    Said(TransactionReport),
    /// Later, and what was in the way.
    Later(String, Option<Timestamp>),
    /// It cannot, and why.
    People(String),
}

/// Gives money back through the gateway, with no transaction open while it is asked. The attempt is noted before, and the
/// gateway knows the refund by its key: a worker that dies anywhere here has its work repeated by another one when the
/// next attempt is due, and the money goes once.
///
/// What the gateway or the network refuses for now is noted on the refund and tried again by the janitor after ever longer
/// pauses, not by the queue: its few deliveries would be over in minutes.
pub(crate) async fn give_back(app: &App, id: RefundId) -> Result<(), Error> {
    let now = app.clock.now();
    let (refund, paid) = {
        let conn = app.db.conn().await?;
        let Some(refund) = db::refunds::find(&conn, id).await? else {
            tracing::warn!(refund = id.get(), "there is no such refund");
            return Ok(());
        };
        if refund.status != RefundStatus::Requested
            || !db::refunds::begin_attempt(&conn, &refund, now).await?
        {
            return Ok(());
        }
        let paid = db::payments::paid(&conn, refund.payment_id).await?;
        (refund, paid.ok_or_else(|| Error::not_found("Payment"))?)
    };
    let outcome = ask(app, &refund, paid, now).await;
    let outcome = match outcome {
        Outcome::Said(said) => {
            settling::apply(app.books(), refund.order_id, &refund.order_code, said).await?;
            None
        }
        Outcome::Later(why, until) => Some((why, until, false)),
        Outcome::People(why) => Some((why, None, true)),
    };
    let mut conn = app.db.conn().await?;
    // What was applied has ended the refund, unless the gateway still works on it.
    let (why, until, for_people) = match outcome {
        Some(outcome) => outcome,
        None => ("the gateway works on it".to_owned(), None, false),
    };
    if !for_people && may_try_on(refund.first_try_at.unwrap_or(now), now) {
        return Ok(db::refunds::put_off(&conn, id, &why, until, now).await?);
    }
    tracing::error!(
        order = refund.order_code,
        refund = id.get(),
        why,
        "people have to transfer money back"
    );
    let tx = conn.begin().await?;
    let messages = db::refunds::leave_to_people(&tx, id, &why, &runtime::random::hex::<16>, now).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    app.queue
        .publish_committed(&messages, async |ids| {
            db::outbox::mark_published(&conn, ids, now).await
        })
        .await;
    Ok(())
}

async fn ask(app: &App, refund: &Refund, paid: Rupiah, now: Timestamp) -> Outcome {
    let code = refund.order_code.as_str();
    let said = match app.midtrans.status(code).await {
        Ok(said) => said,
        Err(GatewayError::NotFound) => {
            return Outcome::People("the gateway does not know the payment".to_owned());
        }
        Err(error) => return later(&error),
    };
    // An earlier attempt worked, and its answer got lost.
    if holds(&said, &refund.key) || is_over(&said) {
        return Outcome::Said(said);
    }
    let gone: i64 = said
        .refunds
        .iter()
        .filter_map(|given| Rupiah::parse_decimal(&given.refund_amount))
        .map(Rupiah::get)
        .sum();
    let gone = Rupiah::new(gone).unwrap_or(Rupiah::MAX);
    let method = said.payment_type.as_deref().unwrap_or_default();
    let answer = match next_step(&said.transaction_status, method, refund.amount, paid, gone, now) {
        Step::Wait(until, why) => return Outcome::Later(why.to_owned(), Some(until)),
        Step::Manual(why) => return Outcome::People(why.to_owned()),
        Step::Cancel => app.midtrans.cancel(code).await,
        Step::Refund => {
            app.midtrans
                .refund(code, &refund.key, refund.amount, &refund.reason)
                .await
        }
    };
    let refused = match answer {
        // The answer to a refund does not list the refunds, so the status is read again.
        Ok(_) => None,
        Err(GatewayError::Refused { code, message }) => Some((code, message)),
        Err(error) => return later(&error),
    };
    let said = match app.midtrans.status(code).await {
        Ok(said) => said,
        Err(error) => return later(&error),
    };
    match refused {
        None => Outcome::Said(said),
        // Used before, or changed while we asked: what holds is what the gateway says now.
        Some(_) if holds(&said, &refund.key) || is_over(&said) => Outcome::Said(said),
        // Too little money on our account there, which may change; a wrong key of ours is mended by people, too.
        Some((401 | 402 | 406 | 414, message)) => Outcome::Later(message, None),
        Some((412, _)) if said.transaction_status.eq_ignore_ascii_case("capture") => {
            Outcome::Later("the payment cannot be changed now".to_owned(), None)
        }
        // A card that settled between the question and the cancellation: the next attempt gives it back.
        Some((412, message))
            if said.transaction_status.eq_ignore_ascii_case("settlement") && refund.attempts == 0 =>
        {
            Outcome::Later(message, None)
        }
        Some((code, message)) => Outcome::People(format!("the gateway refused with {code}: {message}")),
    }
}

fn later(error: &GatewayError) -> Outcome {
    Outcome::Later(error.to_string(), None)
}

/// Whether the gateway gave money back by this key.
fn holds(said: &TransactionReport, key: &str) -> bool {
    let ours = |given: &gateway::RefundReport| given.refund_key.as_deref() == Some(key);
    said.refunds.iter().any(ours)
}

/// Whether nothing is left to give back: all of it went, or its bank took it.
fn is_over(said: &TransactionReport) -> bool {
    let status = domain::payment::read_status(&said.transaction_status, said.fraud_status.as_deref());
    let derived = status.map(|status| {
        let transaction = domain::payment::Transaction {
            status,
            amount_matches: true,
        };
        domain::payment::derive(&[transaction])
    });
    matches!(
        derived,
        Some(PaymentStatus::Refunded | PaymentStatus::Chargeback | PaymentStatus::Cancelled)
    )
}

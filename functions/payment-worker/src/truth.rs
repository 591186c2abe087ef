//! What Midtrans says, and what it does to a payment.

use crate::App;
use db::settlement::{Applied, GivenBack, Report};
use domain::order::OrderStatus;
use domain::{Error, OrderId, Rupiah, payment};
use gateway::TransactionReport;

/// Applies what the gateway says of an order, in one transaction, and publishes what follows from it. Nothing is done if the
/// answer is about another order or in words that are not known.
///
/// # Errors
/// If the database does not answer; nothing was changed then.
pub(crate) async fn apply(
    app: &App,
    order: OrderId,
    code: &str,
    said: TransactionReport,
) -> Result<(), Error> {
    // Some banks put the transaction id where the order code belongs.
    if said.order_id != code && said.order_id != said.transaction_id {
        tracing::error!(
            order = code,
            said = said.order_id,
            "the gateway answered for another order"
        );
        return Ok(());
    }
    let Some(status) = payment::read_status(&said.transaction_status, said.fraud_status.as_deref()) else {
        tracing::error!(
            order = code,
            status = said.transaction_status,
            "unknown status of a transaction"
        );
        return Ok(());
    };
    let cause = format!("gateway says {}", said.transaction_status);
    let report = Report {
        status,
        refunds: given_back(&said),
        transaction_id: said.transaction_id,
        gross_amount: said.gross_amount,
        currency: said.currency,
        payment_type: said.payment_type,
    };
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let applied =
        db::settlement::apply(&tx, order, &report, &cause, &runtime::random::hex::<16>, now).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    let Some(applied) = applied else {
        tracing::warn!(
            order = code,
            "the gateway knows a payment of an order without one"
        );
        return Ok(());
    };
    tell(code, &applied);
    app.queue
        .publish_committed(&applied.messages, async |ids| {
            db::outbox::mark_published(&conn, ids, now).await
        })
        .await;
    Ok(())
}

/// Refunds in an answer. One whose amount cannot be read stays out of the books, and people are called.
fn given_back(said: &TransactionReport) -> Vec<GivenBack> {
    let mut refunds = Vec::with_capacity(said.refunds.len());
    for refund in &said.refunds {
        let Some(amount) = Rupiah::parse_decimal(&refund.refund_amount) else {
            tracing::error!(
                order = said.order_id,
                amount = refund.refund_amount,
                "the gateway gave back an amount that is none"
            );
            continue;
        };
        let number = refund.refund_chargeback_id.unwrap_or(0);
        let key = refund.refund_key.clone();
        refunds.push(GivenBack {
            key: key.unwrap_or_else(|| format!("midtrans-{}-{number}", said.transaction_id)),
            amount,
            reason: refund.reason.clone(),
        });
    }
    refunds
}

fn tell(code: &str, applied: &Applied) {
    if applied.before == applied.after {
        return;
    }
    let (from, to) = (applied.before.as_str(), applied.after.as_str());
    tracing::info!(order = code, from, to, "payment moved");
    if matches!(applied.order, OrderStatus::RefundDue | OrderStatus::Disputed) {
        tracing::error!(
            order = code,
            to = applied.order.as_str(),
            "an order needs people to look at it"
        );
    }
}

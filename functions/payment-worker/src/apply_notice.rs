use crate::App;
use db::settlement::Report;
use domain::message::{Envelope, PaymentNotice};
use domain::order::OrderStatus;
use domain::{Error, payment};
use gateway::GatewayError;
use worker::{Consumer, Record, decode};

impl Consumer for App {
    async fn consume(&self, record: &Record) -> Result<(), Error> {
        let envelope: Envelope<PaymentNotice> = decode(&record.body)?;
        apply(self, &envelope.body).await
    }
}

async fn apply(app: &App, notice: &PaymentNotice) -> Result<(), Error> {
    let fingerprint = runtime::random::sha256(&notice.raw);
    let order = {
        let conn = app.db.conn().await?;
        db::payments::store_notice(&conn, &fingerprint, notice).await?;
        db::orders::find_by_code(&conn, &notice.order_code).await?
    };
    let Some(order) = order else {
        // Signed with our key, but not an order of ours: another system shares the account.
        tracing::warn!(order = notice.order_code, "notification of an unknown order");
        return Ok(());
    };

    // Asked by our own order code: the transaction id of the notification is not covered by its signature.
    let said = match app.midtrans.status(&order.code).await {
        Ok(said) => said,
        Err(GatewayError::NotFound) => {
            tracing::warn!(
                order = order.code,
                "the gateway knows no transaction of this order yet"
            );
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    // Some banks put the transaction id where the order code belongs.
    if said.order_id != order.code && said.order_id != said.transaction_id {
        tracing::error!(
            order = order.code,
            said = said.order_id,
            "the gateway answered for another order"
        );
        return Ok(());
    }
    let Some(status) = payment::read_status(&said.transaction_status, said.fraud_status.as_deref()) else {
        tracing::error!(
            order = order.code,
            status = said.transaction_status,
            "unknown status of a transaction"
        );
        return Ok(());
    };
    let report = Report {
        transaction_id: said.transaction_id,
        status,
        gross_amount: said.gross_amount,
        currency: said.currency,
        payment_type: said.payment_type,
    };

    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let cause = format!("gateway says {}", said.transaction_status);
    let applied =
        db::settlement::apply(&tx, order.id, &report, &cause, &runtime::random::hex::<16>, now).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    let Some(applied) = applied else {
        tracing::warn!(order = order.code, "notification of an order without a payment");
        return Ok(());
    };
    if applied.before != applied.after {
        let (from, to) = (applied.before.as_str(), applied.after.as_str());
        tracing::info!(order = order.code, from, to, "payment moved");
        if matches!(applied.order, OrderStatus::RefundDue | OrderStatus::Disputed) {
            tracing::error!(
                order = order.code,
                to = applied.order.as_str(),
                "an order needs people to look at it"
            );
        }
    }
    app.queue
        .publish_committed(&applied.messages, async |ids| {
            db::outbox::mark_published(&conn, ids, now).await
        })
        .await;
    Ok(())
}

use crate::{App, Report};
use db::orders::{Order, Overdue};
use db::{notifications, orders, outbox, payments, promos, stock, webhook_deliveries};
use domain::message::{Envelope, Happening, Mail, Outgoing, PaymentNotice, Queue};
use domain::notice::Notice;
use domain::order::OrderStatus;
use domain::payment::{PaymentMethod, PaymentStatus, TransactionStatus, read_status};
use domain::webhook::EventType;
use domain::{Error, Timestamp};
use gateway::GatewayError;

/// Orders of one run. The next run is a minute away.
const ORDERS_AT_ONCE: u32 = 500;

/// An order whose payment page may still be paid is not ended while the gateway is away, but stock is not kept for ever.
const PATIENCE_SECONDS: i64 = 300;

/// What the gateway says of an order whose time is over.
enum Verdict {
    /// Nobody paid, and nobody can any more.
    Unpaid,
    /// Somebody paid or is about to be known to have paid.
    Paid(PaymentNotice),
    /// It did not answer.
    Unknown,
}

/// Ends the orders whose time to pay is over. The gateway is asked first, with no transaction open: an order that was paid
/// while its notification got lost must not lose its tickets, and a page that nobody paid is closed, so that nobody can pay
/// for stock that is on sale again.
pub(crate) async fn end_orders(app: &App, report: &mut Report, now: Timestamp) -> Result<(), Error> {
    let overdue = {
        let conn = app.db.conn().await?;
        orders::overdue(&conn, now, ORDERS_AT_ONCE).await?
    };
    for order in overdue {
        let verdict = match order.method {
            Some(PaymentMethod::Midtrans) => ask(app, &order, now).await,
            // Transfers are confirmed by people.
            Some(PaymentMethod::ManualTransfer) | None => Verdict::Unpaid,
        };
        match verdict {
            Verdict::Paid(notice) => {
                report.orders_paid += 1;
                hint(app, notice).await?;
            }
            Verdict::Unknown if now.seconds_since(order.expires_at) < PATIENCE_SECONDS => {
                report.orders_waiting += 1;
            }
            Verdict::Unpaid | Verdict::Unknown => {
                if end(app, &order, now).await? {
                    report.orders_expired += 1;
                }
            }
        }
    }
    Ok(())
}

async fn ask(app: &App, order: &Overdue, now: Timestamp) -> Verdict {
    let said = match app.midtrans.status(&order.code).await {
        Ok(said) => said,
        // No method was chosen; the page ends with the order.
        Err(GatewayError::NotFound) => return Verdict::Unpaid,
        Err(error) => {
            tracing::warn!(
                order = order.code,
                ?error,
                "the gateway did not tell whether an order was paid"
            );
            return Verdict::Unknown;
        }
    };
    let status = read_status(&said.transaction_status, said.fraud_status.as_deref());
    let paid = |code: &str, status: String, id: String| {
        let raw = format!("asked at {now}");
        Verdict::Paid(PaymentNotice {
            order_code: code.to_owned(),
            transaction_id: Some(id),
            transaction_status: status,
            status_code: "200".to_owned(),
            received_at: now,
            raw,
        })
    };
    match status {
        Some(TransactionStatus::Pending | TransactionStatus::Authorized) => {
            match app.midtrans.expire(&order.code).await {
                Ok(_) | Err(GatewayError::NotFound) => Verdict::Unpaid,
                // It changed while we asked: somebody has just paid, or it has just expired. The worker finds out.
                Err(GatewayError::Refused { .. }) => {
                    paid(&order.code, said.transaction_status, said.transaction_id)
                }
                Err(error) => {
                    tracing::warn!(
                        order = order.code,
                        ?error,
                        "the gateway did not close a payment page"
                    );
                    Verdict::Unknown
                }
            }
        }
        Some(
            TransactionStatus::Denied
            | TransactionStatus::Expired
            | TransactionStatus::Cancelled
            | TransactionStatus::Failed,
        ) => Verdict::Unpaid,
        Some(_) => paid(&order.code, said.transaction_status, said.transaction_id),
        None => Verdict::Unknown,
    }
}

/// Lets `payment-worker` look at an order.
async fn hint(app: &App, notice: PaymentNotice) -> Result<(), Error> {
    let envelope = Envelope {
        id: runtime::random::hex::<16>(),
        body: notice,
    };
    let body = serde_json::to_string(&envelope).map_err(Error::internal)?;
    app.queue
        .send(&Outgoing {
            id: envelope.id,
            queue: Queue::PaymentNotifications,
            body,
        })
        .await?;
    Ok(())
}

/// Ends an order and gives its stock and its promo codes back, unless it was paid meanwhile.
async fn end(app: &App, order: &Overdue, now: Timestamp) -> Result<bool, Error> {
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let locked = orders::lock(&tx, order.id).await?;
    // Whoever chose a bank transfer at the last moment has more time than when this order was looked at.
    let is_over =
        |locked: &Order| locked.status == OrderStatus::Pending && locked.expires_at == order.expires_at;
    let Some(locked) = locked.filter(is_over) else {
        return Ok(false);
    };
    let called_off = now < locked.expires_at;
    if let Some(payment) = payments::lock_of_order(&tx, order.id).await?
        && !payment.status.was_paid()
        && payment.status != PaymentStatus::Expired
    {
        let cause = if called_off {
            "an event of the order was called off"
        } else {
            "the time to pay is over"
        };
        payments::set_status(
            &tx,
            payment.id,
            payment.status,
            PaymentStatus::Expired,
            cause,
            now,
        )
        .await?;
    }
    orders::set_status(&tx, order.id, OrderStatus::Expired, now).await?;
    stock::release_order(&tx, order.id).await?;
    promos::give_back(&tx, &locked, now).await?;
    let random = runtime::random::hex::<16>;
    let mut messages = Vec::new();
    if order.method == Some(PaymentMethod::ManualTransfer) {
        let mail = Mail::TransferEnded { order: order.id };
        messages.push(Outgoing::mail(random(), mail)?);
    }
    let happening = Happening::Order { order: order.id };
    messages.push(Outgoing::happening(random(), happening)?);
    for message in &messages {
        outbox::insert(&tx, message, now).await?;
    }
    let code = locked.code.clone();
    let notice = if called_off {
        Notice::OrderCalledOff { order: code }
    } else {
        Notice::OrderExpired { order: code }
    };
    notifications::tell(&tx, locked.user_id, &notice, &locked.id.to_string(), now).await?;
    let told = webhook_deliveries::tell_of_order(&tx, &locked, EventType::OrderExpired, &random, now).await?;
    messages.extend(told);
    tx.commit().await.map_err(db::DbError::from)?;
    app.queue
        .publish_committed(&messages, async |ids| {
            db::outbox::mark_published(&conn, ids, now).await
        })
        .await;
    Ok(true)
}

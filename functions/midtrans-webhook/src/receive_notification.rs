use crate::App;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use domain::message::{Envelope, Outgoing, PaymentNotice, Queue};
use domain::{Error, Kind, Rupiah};
use gateway::{Notification, signature_matches};
use std::sync::Arc;
use web::{Access, Answer, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/payments/notifications",
    Access::Gateway,
    "receive_notification",
    "For Midtrans: HTTP notification of a payment, known by its signature",
);

/// Largest notification.
const LARGEST: usize = 64 * 1024;

/// Orders of the test button in Midtrans' dashboard.
const TEST_PREFIX: &str = "payment_notif_test_";

pub(crate) async fn receive_notification(
    State(app): State<Arc<App>>,
    request: Request,
) -> web::Result<Answer<()>> {
    let body = to_bytes(request.into_body(), LARGEST)
        .await
        .map_err(|_| Error::new(Kind::TooLarge, "body_too_large", "request entity too large"))?;
    let malformed = |error: serde_json::Error| {
        Error::invalid("malformed_notification", "The body is not a payment notification").because(error)
    };
    let notification: Notification = serde_json::from_slice(&body).map_err(malformed)?;
    if !signature_matches(&notification, app.server_key.expose()) {
        return Err(Error::unauthenticated("Invalid signature").into());
    }
    if notification.order_id.starts_with(TEST_PREFIX) {
        return Ok(Answer::ok(()).message("Test notification received"));
    }
    if Rupiah::parse_decimal(&notification.gross_amount).is_none() {
        return Err(
            Error::invalid_field("gross_amount", "\"gross_amount\" must be an amount in rupiah").into(),
        );
    }
    let raw = String::from_utf8(body.to_vec()).map_err(|error| {
        Error::invalid("malformed_notification", "The body is not valid UTF-8").because(error)
    })?;
    let notice = PaymentNotice {
        order_code: notification.order_id,
        transaction_id: notification.transaction_id,
        transaction_status: notification.transaction_status,
        status_code: notification.status_code,
        received_at: app.clock.now(),
        raw,
    };
    let envelope = Envelope {
        id: runtime::random::hex::<16>(),
        body: notice,
    };
    let body = serde_json::to_string(&envelope).map_err(Error::internal)?;
    // Midtrans repeats a notification four times after a 503, but only once after a 500.
    app.queue
        .send(&Outgoing {
            id: envelope.id,
            queue: Queue::PaymentNotifications,
            body,
        })
        .await?;
    Ok(Answer::ok(()).message("Notification received"))
}

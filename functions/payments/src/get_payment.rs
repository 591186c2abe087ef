use crate::{App, PaymentOut, show};
use axum::extract::State;
use db::reconciliation::Due;
use domain::reconciliation::POLL_SECONDS;
use domain::{Error, PaymentId};
use gateway::GatewayError;
use settling::Books;
use std::sync::Arc;
use web::{Access, Answer, Caller, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/payments/{id}",
    Access::User,
    "get_payment",
    "Read an own payment; admins read any. The gateway is asked how it stands, every three seconds at most, while it may move",
)
.data::<PaymentOut>();

pub(crate) async fn get_payment(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<PaymentId>,
) -> web::Result<Answer<PaymentOut>> {
    let payer = (!caller.is_admin()).then_some(caller.id);
    let now = app.clock.now();
    let waiting = {
        let conn = app.db.conn().await?;
        let asked_before = now.plus_seconds(-POLL_SECONDS);
        db::reconciliation::claim_one(&conn, id, payer, asked_before, now).await?
    };
    if let Some(due) = waiting {
        ask(&app, &due).await;
    }
    let conn = app.db.conn().await?;
    let row = db::payments::find(&conn, id, payer)
        .await?
        .ok_or_else(|| Error::not_found("Payment"))?;
    let shown = show(&conn, vec![row], now).await?.into_iter().next();
    Ok(Answer::ok(shown.ok_or_else(|| Error::not_found("Payment"))?))
}

/// Asks the gateway about a payment that its buyer looks at, with no transaction open. Nothing that goes wrong here matters to
/// the reader: what is known is shown, and the reconciler asks again.
async fn ask(app: &App, due: &Due) {
    let code = due.order_code.as_str();
    let said = match app.midtrans.status_soon(code).await {
        Ok(said) => said,
        Err(GatewayError::NotFound | GatewayError::LeftAlone { .. }) => return,
        Err(error) => {
            tracing::warn!(
                order = code,
                ?error,
                "the gateway did not tell how a payment stands"
            );
            return;
        }
    };
    let books = Books {
        db: &app.db,
        queue: &app.queue,
        now: app.clock.now(),
    };
    if let Err(error) = settling::apply(books, due.order_id, code, said).await {
        let cause = error.internal.as_ref().map(domain::error::Internal::chain);
        tracing::warn!(
            order = code,
            code = error.code,
            cause,
            "the answer about a payment was not applied"
        );
    }
}

use crate::{App, PaymentOut, show};
use axum::extract::State;
use domain::{Error, PaymentId};
use std::sync::Arc;
use web::{Access, Answer, Caller, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/payments/{id}",
    Access::User,
    "get_payment",
    "Read an own payment; admins read any",
)
.data::<PaymentOut>();

pub(crate) async fn get_payment(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<PaymentId>,
) -> web::Result<Answer<PaymentOut>> {
    let conn = app.db.conn().await?;
    let payer = (!caller.is_admin()).then_some(caller.id);
    let row = db::payments::find(&conn, id, payer)
        .await?
        .ok_or_else(|| Error::not_found("Payment"))?;
    let shown = show(&conn, vec![row], app.clock.now()).await?.into_iter().next();
    Ok(Answer::ok(shown.ok_or_else(|| Error::not_found("Payment"))?))
}

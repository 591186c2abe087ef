use crate::{App, PaymentOut, show};
use axum::extract::State;
use domain::audit::{Changes, Subject};
use domain::{Error, PaymentId};
use std::sync::Arc;
use web::{Access, Answer, Caller, Origin, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "DELETE",
    "/api/v1/payments/{id}/transfer",
    Access::User,
    "give_up_transfer",
    "Give up an own order that waits for a bank transfer: its tickets go back on sale. Doing so again changes nothing",
)
.data::<PaymentOut>()
.conflicts(&["order_paid"]);

pub(crate) async fn give_up_transfer(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<PaymentId>,
    origin: Origin,
) -> web::Result<Answer<PaymentOut>> {
    let now = app.clock.now();
    let missing = || Error::not_found("Transfer");
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let order = db::transfers::order_of_payer(tx.client(), id, caller.id).await?;
    let order = order.ok_or_else(missing)?;
    let random = runtime::random::hex::<16>;
    let messages = db::settlement::give_up_transfer(&tx, order, &random, now).await?;
    if !messages.is_empty() {
        let entry = origin.entry(caller, ROUTE.id, Subject::Payment(id), Changes::none(), now);
        db::audit::record(&tx, &entry).await?;
    }
    tx.commit().await.map_err(db::DbError::from)?;
    app.queue
        .publish_committed(&messages, async |ids| {
            db::outbox::mark_published(&conn, ids, now).await
        })
        .await;
    let row = db::payments::find(&conn, id, Some(caller.id)).await?;
    let shown = show(&conn, vec![row.ok_or_else(missing)?], now).await?;
    let shown = shown.into_iter().next().ok_or_else(missing)?;
    Ok(Answer::ok(shown).message("Transfer given up successfully"))
}

use crate::App;
use axum::extract::State;
use db::handovers;
use domain::handover::{self, HandoverStatus};
use domain::{Error, HandoverId};
use std::sync::Arc;
use web::{Access, Answer, Caller, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "DELETE",
    "/api/v1/tickets/transfers/{id}",
    Access::User,
    "withdraw_ticket_transfer",
    "Take the offer of a ticket back, before it is accepted",
)
.conflicts(&["transfer_over"]);

pub(crate) async fn withdraw_ticket_transfer(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<HandoverId>,
) -> web::Result<Answer<()>> {
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let offer = handovers::sent(tx.client(), id, caller.id).await?;
    let offer = offer.ok_or_else(|| Error::not_found("Transfer"))?;
    handovers::lock_ticket(&tx, offer.ticket).await?;
    let (status, expires) = handovers::lock(&tx, id).await?;
    handover::end(status, expires, now)?;
    handovers::end(&tx, id, HandoverStatus::Withdrawn, None, now).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(()).message("Transfer withdrawn successfully"))
}

use crate::App;
use axum::extract::State;
use db::handovers;
use domain::handover::{self, HandoverStatus};
use domain::notice::Notice;
use domain::{Error, HandoverId};
use std::sync::Arc;
use web::{Access, Answer, Caller, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/tickets/transfers/{id}/decline",
    Access::User,
    "decline_ticket_transfer",
    "Refuse a ticket that was offered to the caller's mail address",
)
.conflicts(&["transfer_over"]);

pub(crate) async fn decline_ticket_transfer(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<HandoverId>,
) -> web::Result<Answer<()>> {
    let (now, missing) = (app.clock.now(), || Error::not_found("Transfer"));
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let offer = handovers::received(tx.client(), id, caller.id).await?;
    let offer = offer.ok_or_else(missing)?;
    let accounts = handovers::lock_accounts(&tx, &[caller.id, offer.from]).await?;
    if !accounts.contains(&caller.id) {
        return Err(missing().into());
    }
    let ticket = handovers::lock_ticket(&tx, offer.ticket).await?;
    let (status, expires) = handovers::lock(&tx, id).await?;
    handover::end(status, expires, now)?;
    handovers::end(&tx, id, HandoverStatus::Declined, Some(caller.id), now).await?;
    let declined = Notice::TicketDeclined {
        ticket: ticket.kind_name,
        event: ticket.event_name,
    };
    db::notifications::tell(&tx, offer.from, &declined, &id.to_string(), now).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(()).message("Transfer declined successfully"))
}

use crate::{App, limits};
use axum::extract::State;
use domain::{Error, TicketTypeId};
use std::sync::Arc;
use web::{Access, Answer, Caller, ClientIp, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "DELETE",
    "/api/v1/cart/waiting-list/{ticketId}",
    Access::User,
    "leave_line",
    "Leave the waiting list of a ticket; what is kept because it is the caller's turn goes to the next",
);

pub(crate) async fn leave_line(
    State(app): State<Arc<App>>,
    caller: Caller,
    ip: ClientIp,
    Path(id): Path<TicketTypeId>,
) -> web::Result<Answer<()>> {
    let now = app.clock.now();
    let quota = limits::write(&app, &ip, caller, now).await?;
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    db::users::lock_buyer(&tx, caller.id)
        .await?
        .ok_or_else(|| Error::unauthenticated("Invalid token"))?;
    if !db::waiting_list::leave(&tx, caller.id, id, now).await? {
        return Err(Error::not_found("Place on the waiting list").into());
    }
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(())
        .message("You have left the waiting list")
        .quota(quota))
}

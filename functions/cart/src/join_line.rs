use crate::list_lines::WaitingPlaceOut;
use crate::{App, limits, reserve};
use axum::extract::State;
use domain::ticket::{Quantity, SaleError};
use domain::{Error, TicketTypeId};
use std::sync::Arc;
use web::{Access, Answer, Caller, ClientIp, Json, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PUT",
    "/api/v1/cart/waiting-list/{ticketId}",
    Access::User,
    "join_line",
    "Join the waiting list of a ticket that is sold out; who wants fewer later keeps their place, who wants more goes to the end",
)
.body::<JoinLineIn>()
.data::<WaitingPlaceOut>()
.conflicts(&[
    "waiting_list_off",
    "tickets_available",
    "limit_reached",
    "below_minimum",
    "sales_closed",
    "account_required",
]);

web::input! {
    /// What is waited for.
    pub(crate) struct JoinLineIn {
        /// How many tickets.
        quantity: Quantity,
    }
}

pub(crate) async fn join_line(
    State(app): State<Arc<App>>,
    caller: Caller,
    ip: ClientIp,
    Path(id): Path<TicketTypeId>,
    Json(input): Json<JoinLineIn>,
) -> web::Result<Answer<WaitingPlaceOut>> {
    let now = app.clock.now();
    let quota = limits::write(&app, &ip, caller, now).await?;
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let buyer = db::users::lock_buyer(&tx, caller.id)
        .await?
        .ok_or_else(|| Error::unauthenticated("Invalid token"))?;
    let sale = reserve::for_sale(&tx, id).await?;
    // A guest has as many places in a line as they like, under as many addresses.
    if buyer.is_guest {
        return Err(Error::from(SaleError::AccountRequired).into());
    }
    let entry = db::waiting_list::join(&tx, caller.id, &sale, input.quantity, now).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(WaitingPlaceOut::from(entry))
        .message("You are on the waiting list")
        .quota(quota))
}

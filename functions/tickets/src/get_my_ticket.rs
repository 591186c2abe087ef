use crate::App;
use crate::issued::{Code, IssuedTicketOut};
use axum::extract::State;
use domain::Error;
use std::sync::Arc;
use web::{Access, Answer, Caller, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/tickets/mine/{code}",
    Access::User,
    "get_my_ticket",
    "Read a ticket of the caller",
)
.data::<IssuedTicketOut>();

pub(crate) async fn get_my_ticket(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(code): Path<Code>,
) -> web::Result<Answer<IssuedTicketOut>> {
    let conn = app.db.conn().await?;
    let ticket = db::issued::find_own(&conn, code.as_str(), caller.id)
        .await?
        .ok_or_else(|| Error::not_found("Ticket"))?;
    Ok(Answer::ok(IssuedTicketOut::new(ticket, &app)?))
}

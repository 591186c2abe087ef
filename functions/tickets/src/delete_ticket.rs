use crate::App;
use axum::extract::State;
use db::categories::Deleted;
use domain::{Error, TicketTypeId};
use std::sync::Arc;
use web::{Access, Answer, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "DELETE",
    "/api/v1/tickets/{id}",
    Access::Publisher,
    "delete_ticket",
    "Delete a ticket type that nobody has in an order or a cart",
)
.conflicts(&["in_use"]);

pub(crate) async fn delete_ticket(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<TicketTypeId>,
) -> web::Result<Answer<()>> {
    let conn = app.db.conn().await?;
    match db::ticket_types::delete(&conn, id, caller.id, caller.is_admin()).await? {
        Deleted::Done => Ok(Answer::ok(()).message("Ticket deleted successfully")),
        Deleted::InUse => {
            let message = "Somebody has this ticket in an order or a cart";
            Err(Error::conflict("in_use", message).into())
        }
        Deleted::Missing => Err(Error::not_found("Ticket").into()),
    }
}

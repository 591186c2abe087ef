use crate::App;
use axum::extract::State;
use db::categories::Deleted;
use domain::api_key::Scope;
use domain::audit::{Changes, Subject};
use domain::{Error, TicketTypeId};
use std::sync::Arc;
use web::{Access, Answer, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "DELETE",
    "/api/v1/tickets/{id}",
    Access::Publisher,
    "delete_ticket",
    "Delete a ticket type that nobody has in an order or a cart",
)
.scope(Scope::TicketsWrite)
.conflicts(&["in_use"]);

pub(crate) async fn delete_ticket(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<TicketTypeId>,
    origin: Origin,
) -> web::Result<Answer<()>> {
    let missing = || Error::not_found("Ticket");
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let ticket = db::ticket_types::lock_own(&tx, id, caller.id, caller.is_admin()).await?;
    let ticket = ticket.ok_or_else(missing)?;
    match db::ticket_types::delete(tx.client(), id, caller.id, caller.is_admin()).await? {
        Deleted::Done => {}
        Deleted::InUse => {
            let message = "Somebody has this ticket in an order or a cart";
            return Err(Error::conflict("in_use", message).into());
        }
        Deleted::Missing => return Err(missing().into()),
    }
    let subject = Subject::TicketType(id, ticket.event_id);
    let changes = Changes::none().gone("name", &ticket.name);
    let entry = origin.entry(caller, ROUTE.id, subject, changes, app.clock.now());
    db::audit::record(&tx, &entry).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(()).message("Ticket deleted successfully"))
}

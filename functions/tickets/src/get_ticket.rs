use crate::{App, CACHED_SECONDS};
use axum::extract::State;
use domain::api_key::Scope;
use domain::{Error, TicketTypeId};
use std::sync::Arc;
use views::FullTicketOut;
use web::{Access, Answer, Path, Route, Viewer};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/tickets/{id}",
    Access::Public,
    "get_ticket",
    "Read a ticket type with its event and category",
)
.scope(Scope::EventsRead)
.data::<FullTicketOut>();

pub(crate) async fn get_ticket(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<TicketTypeId>,
) -> web::Result<Answer<FullTicketOut>> {
    let conn = app.db.conn().await?;
    let ticket = db::ticket_types::find(&conn, id, viewer.id(), viewer.sees_all())
        .await?
        .ok_or_else(|| Error::not_found("Ticket"))?;
    Ok(Answer::ok(FullTicketOut::new(ticket, app.clock.now())).cached_for_strangers(viewer, CACHED_SECONDS))
}

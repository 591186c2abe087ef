use crate::{App, CACHED_SECONDS, EventWithTickets};
use axum::extract::State;
use domain::api_key::Scope;
use domain::{Error, EventId};
use std::slice;
use std::sync::Arc;
use views::TicketOut;
use web::{Access, Answer, Path, Route, Viewer};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/events/{id}",
    Access::Public,
    "get_event",
    "Read an event with its tickets; a draft only for its organizer",
)
.scope(Scope::EventsRead)
.data::<EventWithTickets>();

pub(crate) async fn get_event(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<EventId>,
) -> web::Result<Answer<EventWithTickets>> {
    let conn = app.db.conn().await?;
    // Both are asked for before either is answered: one round trip.
    let (event, tickets) = tokio::join!(
        biased;
        db::events::find(&conn, id, viewer.id(), viewer.sees_all()),
        db::ticket_types::of_events(&conn, slice::from_ref(&id))
    );
    let event = event?.ok_or_else(|| Error::not_found("Event"))?;
    let tickets = tickets?.into_iter().map(TicketOut::from).collect();
    let event = EventWithTickets::new(event, tickets, app.clock.now());
    Ok(Answer::ok(event).cached_for_strangers(viewer, CACHED_SECONDS))
}

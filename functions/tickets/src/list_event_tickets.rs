use crate::{App, CACHED_SECONDS, MOST_UNPAGED};
use axum::extract::State;
use db::ticket_types::Filter;
use domain::api_key::Scope;
use domain::{Error, EventId};
use std::sync::Arc;
use views::FullTicketOut;
use web::{Access, Answer, Path, Route, Viewer};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/tickets/event/{eventId}",
    Access::Public,
    "list_event_tickets",
    "List what is sold for an event, newest first",
)
.scope(Scope::EventsRead)
.data::<Vec<FullTicketOut>>();

pub(crate) async fn list_event_tickets(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(event): Path<EventId>,
) -> web::Result<Answer<Vec<FullTicketOut>>> {
    let conn = app.db.conn().await?;
    db::events::find(&conn, event, viewer.id(), viewer.sees_all())
        .await?
        .ok_or_else(|| Error::not_found("Event"))?;
    let filter = Filter {
        event: Some(event),
        viewer: viewer.id(),
        sees_all: viewer.sees_all(),
        ..Filter::default()
    };
    let rows = db::ticket_types::newest(&conn, &filter, MOST_UNPAGED).await?;
    let now = app.clock.now();
    let tickets = rows.into_iter().map(|full| FullTicketOut::new(full, now));
    Ok(Answer::ok(tickets.collect()).cached_for_strangers(viewer, CACHED_SECONDS))
}

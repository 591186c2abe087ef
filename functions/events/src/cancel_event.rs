use crate::{App, status};
use axum::extract::State;
use domain::EventId;
use domain::api_key::Scope;
use domain::event::Step;
use std::sync::Arc;
use views::EventOut;
use web::{Access, Answer, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/events/{id}/cancel",
    Access::Publisher,
    "cancel_event",
    "Call an event off: nothing is sold any more, every paid ticket is taken back and its money returned, buyers are told",
)
.scope(Scope::EventsWrite)
.data::<EventOut>()
.conflicts(&["event_over", "event_not_published"]);

pub(crate) async fn cancel_event(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<EventId>,
    origin: Origin,
) -> web::Result<Answer<EventOut>> {
    let event = status::take(&app, caller, &origin, ROUTE.id, id, Step::Cancel).await?;
    Ok(event.message("Event cancelled successfully"))
}

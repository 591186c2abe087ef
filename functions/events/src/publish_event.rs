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
    "/api/v1/events/{id}/publish",
    Access::Publisher,
    "publish_event",
    "Show a draft to everybody and sell its tickets",
)
.scope(Scope::EventsWrite)
.data::<EventOut>()
.conflicts(&["event_over"]);

pub(crate) async fn publish_event(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<EventId>,
    origin: Origin,
) -> web::Result<Answer<EventOut>> {
    let event = status::take(&app, caller, &origin, ROUTE.id, id, Step::Publish).await?;
    Ok(event.message("Event published successfully"))
}

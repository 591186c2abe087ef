use crate::gate_out::GateOut;
use crate::{App, place};
use axum::extract::State;
use domain::EventId;
use domain::api_key::Scope;
use std::sync::Arc;
use web::{Access, Answer, Path, Route, Staff};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/check-ins/event/{eventId}/gates",
    Access::Staff,
    "list_gates",
    "List the gates of an event at which the caller checks tickets",
)
.scope(Scope::TicketsCheck)
.data::<Vec<GateOut>>();

pub(crate) async fn list_gates(
    State(app): State<Arc<App>>,
    Staff(caller): Staff,
    Path(event): Path<EventId>,
) -> web::Result<Answer<Vec<GateOut>>> {
    let conn = app.db.conn().await?;
    let place = place::of(&conn, caller, event, None).await?;
    let gates = db::gates::list(&conn, place.event).await?;
    Ok(Answer::ok(gates.into_iter().map(GateOut::from).collect()))
}

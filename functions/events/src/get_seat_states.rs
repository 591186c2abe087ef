use crate::{App, SEATS_CACHED_SECONDS};
use axum::extract::State;
use domain::api_key::Scope;
use domain::{Error, EventId};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Path, Route, Viewer};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/events/{id}/seat-map/states",
    Access::Public,
    "get_seat_states",
    "Read in a letter each how the seats of an event stand, for a page that shows its seat map",
)
.scope(Scope::EventsRead)
.data::<StatesOut>();

/// How the seats of an event stand.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatesOut {
    /// Counts how often the map was set. With another version than that of the map that is shown, it is to be read again.
    version: u32,
    /// Id of the first seat; the ids of the others follow one by one.
    first_seat_id: u32,
    /// A letter for each seat: `f` free, `h` held by somebody who has not paid, `s` sold.
    states: String,
}

pub(crate) async fn get_seat_states(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<EventId>,
) -> web::Result<Answer<StatesOut>> {
    let conn = app.db.conn().await?;
    let found = db::seat_maps::states(&conn, id, viewer.id(), viewer.sees_all(), app.clock.now())
        .await?
        .ok_or_else(|| Error::not_found("Seat map"))?;
    let states = StatesOut {
        version: found.version,
        first_seat_id: found.first,
        states: found.states,
    };
    Ok(Answer::ok(states).cached_for_strangers(viewer, SEATS_CACHED_SECONDS))
}

use crate::App;
use axum::extract::State;
use db::gates;
use domain::audit::{Changes, Subject};
use domain::check_in::{DoorMinutes, Doors};
use domain::{Error, EventId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Json, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PUT",
    "/api/v1/check-ins/event/{eventId}/doors",
    Access::Publisher,
    "set_doors",
    "Say how long before an event its doors open",
)
.body::<DoorsIn>()
.data::<DoorsOut>();

web::input! {
    /// When the doors of an event open.
    pub(crate) struct DoorsIn {
        /// Minutes before the event begins, at most a year; three hours if it is null or absent.
        minutes_before: Option<DoorMinutes>,
    }
}

/// When the doors of an event open.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Doors")]
pub(crate) struct DoorsOut {
    /// Minutes before the event begins.
    minutes_before: DoorMinutes,
    /// From then on tickets are let in …
    opens_at: Timestamp,
    /// … until then, the end of the event.
    closes_at: Timestamp,
}

pub(crate) async fn set_doors(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<EventId>,
    origin: Origin,
    Json(DoorsIn { minutes_before }): Json<DoorsIn>,
) -> web::Result<Answer<DoorsOut>> {
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let event = db::events::lock_own(&tx, id, caller.id, caller.is_admin())
        .await?
        .ok_or_else(|| Error::not_found("Event"))?;
    let before = gates::set_doors(&tx, id, minutes_before, now).await?;
    if before != minutes_before {
        let changes = Changes::none().moved("doorsMinutesBefore", &before, &minutes_before);
        let entry = origin.entry(caller, ROUTE.id, Subject::Event(id), changes, now);
        db::audit::record(&tx, &entry).await?;
    }
    tx.commit().await.map_err(db::DbError::from)?;
    let doors = Doors {
        event: id,
        status: event.status,
        begins: event.date,
        ends: event.ends_at,
        minutes: minutes_before,
        kinds: None,
    };
    let data = DoorsOut {
        minutes_before: minutes_before.unwrap_or(DoorMinutes::USUAL),
        opens_at: doors.opens_at(),
        closes_at: doors.closes_at(),
    };
    Ok(Answer::ok(data).message("Doors updated successfully"))
}

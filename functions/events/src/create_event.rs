use crate::{App, Visibility, check_upcoming};
use axum::extract::State;
use db::events::NewEvent;
use domain::event::{City, EventName, EventStatus, Location};
use domain::text::Description;
use domain::time::ZoneName;
use domain::{Error, Timestamp};
use std::sync::Arc;
use views::EventOut;
use web::{Access, Answer, Json, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/events",
    Access::Publisher,
    "create_event",
    "Make an event",
)
.status(201)
.body::<EventIn>()
.data::<EventOut>();

web::input! {
    /// A new event.
    pub(crate) struct EventIn {
        /// What it is called.
        name: EventName,
        /// What it is about.
        description: Option<Description>,
        /// When it begins; without an offset it is read as UTC, without a time as midnight.
        date: Timestamp,
        /// Zone of the place, for showing the date; `Asia/Jakarta` unless said otherwise.
        time_zone: Option<ZoneName>,
        /// Where it takes place.
        location: Location,
        /// In which city, so that people find it.
        city: Option<City>,
        /// `draft` or `published`; published unless said otherwise.
        status: Option<Visibility>,
    }
}

pub(crate) async fn create_event(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Json(input): Json<EventIn>,
) -> web::Result<Answer<EventOut>> {
    let now = app.clock.now();
    check_upcoming(input.date, now)?;
    let event = NewEvent {
        name: input.name,
        description: input.description,
        date: input.date,
        time_zone: input.time_zone.unwrap_or_else(ZoneName::jakarta),
        location: input.location,
        city: input.city,
        status: input.status.map_or(EventStatus::Published, EventStatus::from),
    };
    let conn = app.db.conn().await?;
    let event = db::events::insert(&conn, caller.id, &event, now).await?;
    let event = event.ok_or_else(|| Error::unauthenticated("Invalid token"))?;
    Ok(Answer::created("Event created successfully", event.into()))
}

use crate::{App, Visibility, check_upcoming};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use db::events::NewEvent;
use domain::event::{City, EventName, EventStatus, Location};
use domain::text::Description;
use domain::time::ZoneName;
use domain::{Error, Timestamp};
use std::sync::Arc;
use views::EventOut;
use web::{Access, Answer, Keyed, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/events",
    Access::Publisher,
    "create_event",
    "Make an event",
)
.status(201)
.body::<EventIn>()
.data::<EventOut>()
.idempotent();

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
    mut request: Keyed<EventIn>,
) -> web::Result<Response> {
    let now = app.clock.now();
    let once = request.take_once(&ROUTE, caller.id);
    let input = request.body;
    let event = NewEvent {
        name: input.name,
        description: input.description,
        date: input.date,
        time_zone: input.time_zone.unwrap_or_else(ZoneName::jakarta),
        location: input.location,
        city: input.city,
        status: input.status.map_or(EventStatus::Published, EventStatus::from),
    };
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    if let Some(stored) = db::idempotency::claim(&tx, once.as_ref(), now).await? {
        return Ok(web::answer::stored(stored));
    }
    check_upcoming(event.date, now)?;
    let event = db::events::insert(tx.client(), caller.id, &event, now).await?;
    let event = event.ok_or_else(|| Error::unauthenticated("Invalid token"))?;
    let answer = Answer::created("Event created successfully", EventOut::from(event));
    db::idempotency::store(tx.client(), once.as_ref(), &answer.to_stored()).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(answer.into_response())
}

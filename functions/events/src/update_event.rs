use crate::{App, Visibility, check_upcoming};
use axum::extract::State;
use db::events::{Event, EventPatch};
use domain::event::{City, EventName, EventStatus, Location};
use domain::text::Description;
use domain::time::ZoneName;
use domain::{Error, EventId, Timestamp};
use std::sync::Arc;
use views::EventOut;
use web::{Access, Answer, Json, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PATCH",
    "/api/v1/events/{id}",
    Access::Publisher,
    "update_event",
    "Change an event",
)
.body::<EventChanges>()
.data::<EventOut>()
.conflicts(&["in_use", "event_over"]);

web::input! {
    /// Changes to an event; absent fields stay.
    pub(crate) struct EventChanges {
        /// What it is called.
        name: Option<EventName>,
        /// What it is about.
        description: Option<Description>,
        /// When it begins; without an offset it is read as UTC, without a time as midnight.
        date: Option<Timestamp>,
        /// Zone of the place, for showing the date.
        time_zone: Option<ZoneName>,
        /// Where it takes place.
        location: Option<Location>,
        /// In which city.
        city: Option<City>,
        /// `draft` or `published`; nothing goes back to draft once somebody has a ticket.
        status: Option<Visibility>,
    }
}

pub(crate) async fn update_event(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<EventId>,
    Json(input): Json<EventChanges>,
) -> web::Result<Answer<EventOut>> {
    let now = app.clock.now();
    if let Some(date) = input.date {
        check_upcoming(date, now)?;
    }
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let event = db::events::lock_own(&tx, id, caller.id, caller.is_admin())
        .await?
        .ok_or_else(|| Error::not_found("Event"))?;
    let status = input.status.map(EventStatus::from);
    match (event.status, status) {
        (EventStatus::Cancelled | EventStatus::Ended, Some(_)) => return Err(over(&event).into()),
        (EventStatus::Draft, Some(EventStatus::Published)) => {
            check_upcoming(input.date.unwrap_or(event.date), now)?;
        }
        (EventStatus::Published, Some(EventStatus::Draft))
            if db::events::is_bought(tx.client(), id).await? =>
        {
            let message = "Somebody has a ticket of this event in an order or a cart";
            return Err(Error::conflict("in_use", message).into());
        }
        _ => {}
    }
    let patch = EventPatch {
        name: input.name,
        description: input.description,
        date: input.date,
        time_zone: input.time_zone,
        location: input.location,
        city: input.city,
        status,
    };
    let event = db::events::update(&tx, id, &patch, now).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(event.into()).message("Event updated successfully"))
}

/// A change of status that comes too late.
fn over(event: &Event) -> Error {
    let message = format!("The status of an event that is {} stays", event.status.as_str());
    Error::conflict("event_over", message)
}

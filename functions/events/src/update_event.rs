use crate::{App, Visibility, changes, check_span, check_upcoming, tell};
use axum::extract::State;
use db::events::EventPatch;
use domain::api_key::Scope;
use domain::audit::Subject;
use domain::change::Change;
use domain::event::{City, EventName, EventStatus, Location, Step};
use domain::image::Purpose;
use domain::price::{ServiceFee, TaxRate};
use domain::text::Description;
use domain::time::ZoneName;
use domain::{Error, EventId, ImageId, Timestamp};
use pictures::Use;
use std::sync::Arc;
use views::EventOut;
use web::{Access, Answer, Json, Origin, Path, Publisher, Route, WithImage};

pub(crate) const ROUTE: Route = Route::new(
    "PATCH",
    "/api/v1/events/{id}",
    Access::Publisher,
    "update_event",
    "Change an event; its status and its time stay once it is cancelled or over",
)
.scope(Scope::EventsWrite)
.body::<EventChanges>()
.or_form_with_image()
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
        /// When it ends, later than it begins; `null` if nobody says any more.
        ends_at: Change<Timestamp>,
        /// Zone of the place, for showing the date.
        time_zone: Option<ZoneName>,
        /// Where it takes place.
        location: Option<Location>,
        /// In which city.
        city: Option<City>,
        /// Rupiah added for each ticket that costs something, from the next order on.
        service_fee: Option<ServiceFee>,
        /// Tax on price and fee, in hundredths of a percent, from the next order on.
        tax_rate: Option<TaxRate>,
        /// `draft` or `published`; nothing goes back to draft once somebody has a ticket.
        status: Option<Visibility>,
        /// A picture that was uploaded before, in place of the one that is shown; a form may hold one as its file `image` instead.
        image_id: Option<ImageId>,
    }
}

pub(crate) async fn update_event(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<EventId>,
    origin: Origin,
    WithImage {
        image,
        rest: Json(input),
    }: WithImage<Json<EventChanges>>,
) -> web::Result<Answer<EventOut>> {
    let now = app.clock.now();
    if let Some(date) = input.date {
        check_upcoming(date, now)?;
    }
    let (organizer, any_owner) = (caller.id, caller.is_admin());
    let using = Use {
        owner: organizer,
        any_owner,
        purpose: Purpose::Event,
    };
    let mut conn = app.db.conn().await?;
    let picture = pictures::choose(&conn, &app.blobs, using, (image, input.image_id), now).await?;
    let tx = conn.begin().await?;
    let image = pictures::take(&tx, using, picture, now).await?;
    let before = match input.status {
        Some(Visibility::Draft) => db::events::lock_own_and_sale(&tx, id, organizer, any_owner).await?,
        _ => db::events::lock_own(&tx, id, organizer, any_owner).await?,
    };
    let before = before.ok_or_else(|| Error::not_found("Event"))?;
    let status = before.status_at(now);
    let moves = input.date.is_some() || !input.ends_at.is_keep();
    if moves && matches!(status, EventStatus::Cancelled | EventStatus::Ended) {
        let message = format!("The time of an event that is {} stays", status.as_str());
        return Err(Error::conflict("event_over", message).into());
    }
    if moves {
        check_span(
            input.date.unwrap_or(before.date),
            input.ends_at.of(before.ends_at),
        )?;
    }
    let status = match input.status.map(Visibility::step) {
        None => None,
        Some(step) => {
            let taken = step == Step::Unpublish && db::events::is_bought(tx.client(), id).await?;
            Some(status.after(step, taken)?)
        }
    };
    if before.status == EventStatus::Draft && status == Some(EventStatus::Published) {
        check_upcoming(input.date.unwrap_or(before.date), now)?;
    }
    let patch = EventPatch {
        name: input.name,
        description: input.description,
        date: input.date,
        ends_at: input.ends_at,
        time_zone: input.time_zone,
        location: input.location,
        city: input.city,
        service_fee: input.service_fee,
        tax_rate: input.tax_rate,
        status,
    };
    let mut event = db::events::update(&tx, id, &patch, now).await?;
    if let Some(image) = image {
        event.image_url = db::images::show_on_event(&tx, id, image, now).await?;
        event.updated_at = now;
    }
    if event.status == EventStatus::Published {
        db::announcements::changed(&tx, &before, &event, now).await?;
    }
    let changes = changes::between(&before, &event, picture);
    tell::webhooks(&tx, Some(before.status), &event, &changes, now).await?;
    if !changes.is_empty() {
        let entry = origin.entry(caller, ROUTE.id, Subject::Event(id), changes, now);
        db::audit::record(&tx, &entry).await?;
    }
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(EventOut::new(event, now)).message("Event updated successfully"))
}

use crate::{App, Visibility, changes, check_span, check_upcoming, tell};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use db::events::NewEvent;
use domain::api_key::Scope;
use domain::audit::Subject;
use domain::event::{City, EventName, EventStatus, Location};
use domain::image::Purpose;
use domain::price::{ServiceFee, TaxRate};
use domain::text::Description;
use domain::time::ZoneName;
use domain::{Error, ImageId, Timestamp};
use pictures::Use;
use std::sync::Arc;
use views::EventOut;
use web::{Access, Answer, Keyed, Origin, Publisher, Route, WithImage};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/events",
    Access::Publisher,
    "create_event",
    "Make an event",
)
.scope(Scope::EventsWrite)
.status(201)
.body::<EventIn>()
.or_form_with_image()
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
        /// When it ends, later than it begins; it is taken to last a day unless said otherwise.
        ends_at: Option<Timestamp>,
        /// Zone of the place, for showing the date; `Asia/Jakarta` unless said otherwise.
        time_zone: Option<ZoneName>,
        /// Where it takes place.
        location: Location,
        /// In which city, so that people find it.
        city: Option<City>,
        /// Rupiah added for each ticket that costs something; none unless said otherwise.
        service_fee: Option<ServiceFee>,
        /// Tax on price and fee, in hundredths of a percent (`1100` is 11 %); none unless said otherwise.
        tax_rate: Option<TaxRate>,
        /// `draft` or `published`; published unless said otherwise.
        status: Option<Visibility>,
        /// A picture that was uploaded before; a form may hold one as its file `image` instead.
        image_id: Option<ImageId>,
    }
}

pub(crate) async fn create_event(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    origin: Origin,
    WithImage {
        image,
        rest: mut request,
    }: WithImage<Keyed<EventIn>>,
) -> web::Result<Response> {
    let now = app.clock.now();
    let once = request.take_once(ROUTE.id, caller.id);
    let input = request.body;
    let event = NewEvent {
        name: input.name,
        description: input.description,
        date: input.date,
        ends_at: input.ends_at,
        time_zone: input.time_zone.unwrap_or_else(ZoneName::jakarta),
        location: input.location,
        city: input.city,
        service_fee: input.service_fee.unwrap_or_default(),
        tax_rate: input.tax_rate.unwrap_or_default(),
        status: input.status.map_or(EventStatus::Published, EventStatus::from),
    };
    let using = Use {
        owner: caller.id,
        any_owner: caller.is_admin(),
        purpose: Purpose::Event,
    };
    let mut conn = app.db.conn().await?;
    let image = pictures::choose(&conn, &app.blobs, using, (image, input.image_id), now).await?;
    let tx = conn.begin().await?;
    if let Some(stored) = db::idempotency::claim(&tx, once.as_ref(), now).await? {
        return Ok(web::answer::stored(stored));
    }
    check_upcoming(event.date, now)?;
    check_span(event.date, event.ends_at)?;
    let image = pictures::take(&tx, using, image, now).await?;
    let event = db::events::insert(tx.client(), caller.id, &event, now).await?;
    let mut event = event.ok_or_else(|| Error::unauthenticated("Invalid token"))?;
    if let Some(image) = image {
        event.image_url = db::images::show_on_event(&tx, event.id, image, now).await?;
    }
    let subject = Subject::Event(event.id);
    let changes = changes::of_new(&event);
    tell::webhooks(&tx, None, &event, &changes, now).await?;
    let entry = origin.entry(caller, ROUTE.id, subject, changes, now);
    db::audit::record(&tx, &entry).await?;
    let answer = Answer::created("Event created successfully", EventOut::new(event, now));
    db::idempotency::store(tx.client(), once.as_ref(), &answer.to_stored()).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(answer.into_response())
}

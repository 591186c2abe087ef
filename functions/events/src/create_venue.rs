use crate::App;
use crate::set_seat_map::HouseSectionSchema;
use crate::venue_out::{FullVenueOut, checked};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use db::venues::NewVenue;
use domain::api_key::Scope;
use domain::audit::{Changes, Subject};
use domain::event::{City, Location, VenueName};
use domain::time::ZoneName;
use schemars::JsonSchema;
use serde_json::Value;
use std::sync::Arc;
use web::input::Fields;
use web::{Access, Answer, Input, LargeKeyed, Origin, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/events/venues",
    Access::Publisher,
    "create_venue",
    "Write down a house with its seats, to make seat maps of events from",
)
.scope(Scope::EventsWrite)
.status(201)
.body::<VenueSchema>()
.data::<FullVenueOut>()
.idempotent();

/// A new house.
#[derive(Debug)]
pub(crate) struct VenueIn(NewVenue);

impl Input for VenueIn {
    fn read(fields: &mut Fields) -> Option<Self> {
        let name = fields.take("name");
        let location = fields.take("location");
        let city: Option<Option<City>> = fields.take("city");
        let time_zone: Option<Option<ZoneName>> = fields.take("timeZone");
        let sections: Option<Option<Value>> = fields.take("sections");
        let sections = sections.and_then(|sections| checked(fields, sections));
        fields.refuse_others();
        let (sections, seats) = sections?;
        Some(Self(NewVenue {
            name: name?,
            location: location?,
            city: city?,
            time_zone: time_zone?.unwrap_or_else(ZoneName::jakarta),
            sections,
            seats,
        }))
    }
}

/// A house: where it is, and its seats.
#[derive(JsonSchema)]
#[schemars(rename = "VenueIn", rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct VenueSchema {
    /// What it is called.
    name: VenueName,
    /// Where it is, as people write it.
    location: Location,
    /// In which city.
    city: Option<City>,
    /// Zone of the place; `Asia/Jakarta` unless said otherwise.
    time_zone: Option<ZoneName>,
    /// Its sections, the nearest to the stage first: those of a seat map without what they sell.
    #[schemars(length(min = 1, max = 100))]
    sections: Option<Vec<HouseSectionSchema>>,
}

pub(crate) async fn create_venue(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    origin: Origin,
    LargeKeyed(mut request): LargeKeyed<VenueIn>,
) -> web::Result<Response> {
    let now = app.clock.now();
    let once = request.take_once(ROUTE.id, caller.id);
    let VenueIn(venue) = request.body;
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    if let Some(stored) = db::idempotency::claim(&tx, once.as_ref(), now).await? {
        return Ok(web::answer::stored(stored));
    }
    let venue = db::venues::insert(&tx, caller.id, &venue, now).await?;
    let changes = Changes::none()
        .set("name", &venue.name)
        .set("location", &venue.location)
        .set("seats", venue.seats);
    let entry = origin.entry(caller, ROUTE.id, Subject::Venue(venue.id), changes, now);
    db::audit::record(&tx, &entry).await?;
    let answer = Answer::created("Venue created successfully", FullVenueOut::from(venue));
    db::idempotency::store(tx.client(), once.as_ref(), &answer.to_stored()).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(answer.into_response())
}

use crate::App;
use crate::set_seat_map::HouseSectionSchema;
use crate::venue_out::{FullVenueOut, checked};
use axum::extract::State;
use db::venues::Venue;
use domain::api_key::Scope;
use domain::audit::{Changes, Subject};
use domain::change::Change;
use domain::event::{City, Location, VenueName};
use domain::time::ZoneName;
use domain::{Error, VenueId};
use schemars::JsonSchema;
use serde_json::Value;
use std::sync::Arc;
use web::input::Fields;
use web::{Access, Answer, Input, LargeJson, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PATCH",
    "/api/v1/events/venues/{venueId}",
    Access::Publisher,
    "update_venue",
    "Change a house; the maps of events that were made from it stay as they are",
)
.scope(Scope::EventsWrite)
.body::<VenuePatchSchema>()
.data::<FullVenueOut>();

/// Changes to a house; absent fields stay.
#[derive(Debug)]
pub(crate) struct VenuePatch {
    name: Option<VenueName>,
    location: Option<Location>,
    city: Change<City>,
    time_zone: Option<ZoneName>,
    /// The new seats and their number, `None` in it for none.
    sections: Option<(Option<Value>, u32)>,
}

impl Input for VenuePatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, location) = (fields.take("name"), fields.take("location"));
        let (city, time_zone) = (fields.take("city"), fields.take("timeZone"));
        let sections: Option<Change<Value>> = fields.take("sections");
        let sections = match sections {
            Some(Change::Keep) | None => Some(None),
            Some(Change::Clear) => Some(Some((None, 0))),
            Some(Change::Set(sections)) => checked(fields, Some(sections)).map(Some),
        };
        fields.refuse_others();
        Some(Self {
            name: name?,
            location: location?,
            city: city?,
            time_zone: time_zone?,
            sections: sections?,
        })
    }
}

/// Changes to a house; absent fields stay.
#[derive(JsonSchema)]
#[schemars(rename = "VenuePatch", rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct VenuePatchSchema {
    /// What it is called.
    name: Option<VenueName>,
    /// Where it is, as people write it.
    location: Option<Location>,
    /// In which city; null for none.
    city: Option<City>,
    /// Zone of the place.
    time_zone: Option<ZoneName>,
    /// Its sections; null for none.
    #[schemars(length(min = 1, max = 100))]
    sections: Option<Vec<HouseSectionSchema>>,
}

pub(crate) async fn update_venue(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<VenueId>,
    origin: Origin,
    LargeJson(input): LargeJson<VenuePatch>,
) -> web::Result<Answer<FullVenueOut>> {
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let before = db::venues::lock(&tx, id, caller.id, caller.is_admin())
        .await?
        .ok_or_else(|| Error::not_found("Venue"))?;
    let mut venue = input.over(&before);
    let mut changes = Changes::none()
        .moved("name", &before.name, &venue.name)
        .moved("location", &before.location, &venue.location)
        .moved("city", &before.city, &venue.city)
        .moved("timeZone", &before.time_zone, &venue.time_zone);
    if before.sections != venue.sections {
        changes = changes.set("seats", venue.seats);
    }
    if !changes.is_empty() {
        venue.updated_at = now;
        db::venues::update(&tx, &venue).await?;
        let entry = origin.entry(caller, ROUTE.id, Subject::Venue(id), changes, now);
        db::audit::record(&tx, &entry).await?;
    }
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(FullVenueOut::from(venue)).message("Venue updated successfully"))
}

impl VenuePatch {
    /// What a house becomes.
    fn over(self, before: &Venue) -> Venue {
        let text = |new: Option<&str>, old: &str| new.unwrap_or(old).to_owned();
        let (sections, seats) = self
            .sections
            .unwrap_or_else(|| (before.sections.clone(), before.seats));
        Venue {
            name: text(self.name.as_ref().map(VenueName::as_str), &before.name),
            location: text(self.location.as_ref().map(Location::as_str), &before.location),
            city: self
                .city
                .map(|city| city.as_str().to_owned())
                .of(before.city.clone()),
            time_zone: text(self.time_zone.as_ref().map(ZoneName::as_str), &before.time_zone),
            sections,
            seats,
            ..before.clone()
        }
    }
}

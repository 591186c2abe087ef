use db::venues::Venue;
use domain::{FieldError, Timestamp, UserId, VenueId};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use web::input::Fields;

/// A house.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VenueOut {
    /// Its id.
    id: VenueId,
    /// What it is called.
    name: String,
    /// Where it is.
    location: String,
    /// In which city.
    city: Option<String>,
    /// Zone of the place.
    time_zone: String,
    /// How many seats it has; 0 if nothing was said of them.
    seats: u32,
    /// Who uses it.
    organizer_id: UserId,
    /// When it was made.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
}

/// A house with its seats.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FullVenueOut {
    #[serde(flatten)]
    venue: VenueOut,
    /// Sections with rows and seats, as they were sent; null without seats.
    sections: Option<Value>,
}

impl From<Venue> for VenueOut {
    fn from(venue: Venue) -> Self {
        Self {
            id: venue.id,
            name: venue.name,
            location: venue.location,
            city: venue.city,
            time_zone: venue.time_zone,
            seats: venue.seats,
            organizer_id: venue.organizer,
            created_at: venue.created_at,
            updated_at: venue.updated_at,
        }
    }
}

impl From<Venue> for FullVenueOut {
    fn from(mut venue: Venue) -> Self {
        let sections = venue.sections.take();
        Self {
            venue: venue.into(),
            sections,
        }
    }
}

/// The sections of a house with how many seats they have, once they are known to make sense.
pub(crate) fn checked(fields: &mut Fields, sections: Option<Value>) -> Option<(Option<Value>, u32)> {
    let Some(sections) = sections else {
        return Some((None, 0));
    };
    match domain::venue::check(&sections) {
        Ok(seats) => Some((Some(sections), seats)),
        Err(problems) => {
            for FieldError { field, message } in problems {
                fields.refuse(&field, message);
            }
            None
        }
    }
}

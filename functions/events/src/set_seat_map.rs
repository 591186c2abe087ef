use crate::App;
use axum::extract::State;
use db::seat_maps::{NewMap, SetMap};
use db::venues::Venue;
use domain::api_key::Scope;
use domain::audit::{Changes, Subject};
use domain::seat_map::{self, RowLabel, SeatLabel, Section, SectionName, StageName};
use domain::venue::{self, Tickets};
use domain::{Error, EventId, FieldError, TicketTypeId, VenueId};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use web::input::Fields;
use web::{Access, Answer, Input, LargeJson, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PUT",
    "/api/v1/events/{id}/seat-map",
    Access::Publisher,
    "set_seat_map",
    "Set the seat map of an event; every section sells one of its tickets, a seat at a time",
)
.scope(Scope::EventsWrite)
.body::<SeatMapSchema>()
.data::<SetOut>()
.conflicts(&["seats_in_use"]);

/// A seat map.
#[derive(Debug)]
pub(crate) struct SeatMapIn {
    stage: Option<StageName>,
    no_single_seats: Option<bool>,
    seats: Seats,
}

/// Where the seats are.
#[derive(Debug)]
enum Seats {
    /// Here.
    Sections(Vec<Section>),
    /// As in a house; each section sells the ticket that is named for it.
    House(VenueId, Tickets),
}

impl Input for SeatMapIn {
    fn read(fields: &mut Fields) -> Option<Self> {
        let stage = fields.take("stage");
        let no_single_seats = fields.take("noSingleSeats");
        let venue: Option<Option<VenueId>> = fields.take("venueId");
        let seats = match venue {
            Some(None) => fields.take::<Value>("sections").and_then(|sections| {
                let refuse = |problems: Vec<FieldError>| {
                    for problem in problems {
                        fields.refuse(&problem.field, problem.message);
                    }
                };
                seat_map::read(sections).map_err(refuse).ok().map(Seats::Sections)
            }),
            Some(Some(venue)) => fields.take("tickets").map(|tickets| Seats::House(venue, tickets)),
            None => None,
        };
        fields.refuse_others();
        Some(Self {
            stage: stage?,
            no_single_seats: no_single_seats?,
            seats: seats?,
        })
    }
}

/// A seat map: at most 20,000 seats. Lengths are in seats: neighbours are 1 apart.
#[derive(JsonSchema)]
#[schemars(rename = "SeatMapIn", rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct SeatMapSchema {
    /// What stands on the stage; `Stage` if absent.
    stage: Option<StageName>,
    /// Whether no choice may leave a single seat free beside it.
    no_single_seats: Option<bool>,
    /// The sections, the nearest to the stage first.
    #[schemars(length(min = 1, max = 100))]
    sections: Option<Vec<SectionSchema>>,
    /// Instead of sections: one of the organizer's venues, whose seats are taken over as they are now.
    venue_id: Option<VenueId>,
    /// With a venue: which ticket each of its sections sells, by the name of the section.
    tickets: Option<Tickets>,
}

/// A section of a seat map.
#[derive(JsonSchema)]
#[schemars(rename = "SectionIn", rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct SectionSchema {
    /// What it is called, once in a map.
    name: SectionName,
    /// What is sold there: a ticket of the event, whose price is that of every seat.
    ticket_id: TicketTypeId,
    #[serde(flatten)]
    shape: HouseShape,
}

/// A section of a house.
#[derive(JsonSchema)]
#[schemars(rename = "VenueSectionIn", rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct HouseSectionSchema {
    /// What it is called, once in a house.
    name: SectionName,
    #[serde(flatten)]
    shape: HouseShape,
}

/// Where a section is, and its seats.
#[derive(JsonSchema)]
#[schemars(rename = "SectionShape", rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct HouseShape {
    /// Where the middle of its rows is, from left to right; 0 if absent.
    x: Option<f64>,
    /// How far its first row is from the front; behind the section before if absent.
    y: Option<f64>,
    /// Its rows, the nearest to the stage first.
    #[schemars(length(min = 1, max = 200))]
    rows: Vec<RowSchema>,
}

/// A row of a section.
#[derive(JsonSchema)]
#[schemars(rename = "RowIn", rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct RowSchema {
    /// What it is called, once in a section.
    label: RowLabel,
    /// Where its first seat is from the `x` of the section; centred if absent.
    x: Option<f64>,
    /// How far it is behind the `y` of the section; behind the row before if absent.
    y: Option<f64>,
    /// Its seats from one end to the other, at most 400 with gaps.
    #[schemars(length(min = 1, max = 400))]
    seats: Vec<SeatsSchema>,
}

/// A seat, several seats with ascending or descending numbers, or a gap.
#[derive(JsonSchema)]
#[schemars(rename = "SeatsIn", untagged, rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
enum SeatsSchema {
    /// A seat.
    Seat {
        /// What stands on it, once in a row.
        label: SeatLabel,
        /// Whether it is kept for people who need it.
        accessible: Option<bool>,
        /// Where it is from the `x` of the section, if not beside the one before.
        x: Option<f64>,
        /// How far it is behind the `y` of the section, if not as far as its row.
        y: Option<f64>,
    },
    /// Several seats.
    Range {
        /// Number on the first.
        from: u32,
        /// Number on the last.
        to: u32,
        /// From number to number; 1 if absent.
        step: Option<u32>,
        /// Whether they are kept for people who need them.
        accessible: Option<bool>,
    },
    /// Room between seats that are no neighbours then.
    Gap {
        /// For how many seats there would be room.
        gap: u32,
    },
}

/// What was set.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetOut {
    event_id: EventId,
    /// How many seats the map has.
    seats: u32,
}

pub(crate) async fn set_seat_map(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<EventId>,
    origin: Origin,
    LargeJson(input): LargeJson<SeatMapIn>,
) -> web::Result<Answer<SetOut>> {
    let now = app.clock.now();
    let stage = match input.stage {
        Some(stage) => stage,
        None => StageName::parse("Stage").map_err(Error::internal)?,
    };
    let mut conn = app.db.conn().await?;
    let sections = match input.seats {
        Seats::Sections(sections) => sections,
        Seats::House(venue, tickets) => {
            let venue = db::venues::find(&conn, venue, caller.id, caller.is_admin())
                .await?
                .ok_or_else(|| Error::not_found("Venue"))?;
            sections_of(venue, &tickets)?
        }
    };
    let map = NewMap {
        stage: &stage,
        no_single_seats: input.no_single_seats.unwrap_or(false),
        sections: &sections,
    };
    let tx = conn.begin().await?;
    // Nobody reserves or orders anything while the seats change.
    db::events::lock_own_and_sale(&tx, id, caller.id, caller.is_admin())
        .await?
        .ok_or_else(|| Error::not_found("Event"))?;
    let (before, seats) = match db::seat_maps::set(&tx, id, &map, now).await? {
        SetMap::Done { before, seats } => (before, seats),
        SetMap::NoTicket(number) => {
            let field = format!("sections[{number}].ticketId");
            let message = format!("{field}: is no ticket of this event");
            return Err(Error::invalid_field(&field, message).into());
        }
        SetMap::InUse => {
            let message = "Tickets of the map are sold or reserved, so it stays as it is";
            return Err(Error::conflict("seats_in_use", message).into());
        }
    };
    let changes = Changes::none()
        .moved("seats", &before, &seats)
        .set("noSingleSeats", map.no_single_seats);
    let entry = origin.entry(caller, ROUTE.id, Subject::Event(id), changes, now);
    db::audit::record(&tx, &entry).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(SetOut { event_id: id, seats }).message("Seat map updated successfully"))
}

/// What an event sells in a house.
fn sections_of(venue: Venue, tickets: &Tickets) -> domain::Result<Vec<Section>> {
    let refused = |problem: FieldError| Error::invalid_field(&problem.field, problem.message);
    let sections = venue
        .sections
        .ok_or_else(|| Error::invalid_field("venueId", "This venue has no seats"))?;
    let sections = venue::sell(sections, tickets).map_err(refused)?;
    // The house was checked when it was written down.
    seat_map::read(sections).map_err(|problems| Error::internal(format!("a stored map: {problems:?}")))
}

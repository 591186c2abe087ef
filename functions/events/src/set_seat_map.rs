use crate::App;
use axum::extract::State;
use db::seat_maps::{NewMap, SetMap};
use domain::api_key::Scope;
use domain::audit::{Changes, Subject};
use domain::seat_map::{self, RowLabel, SeatLabel, Section, SectionName, StageName};
use domain::{Error, EventId, TicketTypeId};
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
    sections: Vec<Section>,
}

impl Input for SeatMapIn {
    fn read(fields: &mut Fields) -> Option<Self> {
        let stage = fields.take("stage");
        let no_single_seats = fields.take("noSingleSeats");
        let sections = fields.take::<Value>("sections").and_then(|sections| {
            seat_map::read(sections)
                .map_err(|problems| {
                    for problem in problems {
                        fields.refuse(&problem.field, problem.message);
                    }
                })
                .ok()
        });
        fields.refuse_others();
        Some(Self {
            stage: stage?,
            no_single_seats: no_single_seats?,
            sections: sections?,
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
    sections: Vec<SectionSchema>,
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
    let map = NewMap {
        stage: &stage,
        no_single_seats: input.no_single_seats.unwrap_or(false),
        sections: &input.sections,
    };
    let mut conn = app.db.conn().await?;
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

use crate::{App, SEATS_CACHED_SECONDS};
use axum::extract::State;
use domain::api_key::Scope;
use domain::seat_plan::{Plan, PlanRow};
use domain::seating::{SeatNumber, State as Whose};
use domain::{Error, EventId, Rupiah, TicketTypeId};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Path, Route, Viewer};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/events/{id}/seat-map",
    Access::Public,
    "get_seat_map",
    "Read the seat map of an event with the states of its seats",
)
.scope(Scope::EventsRead)
.data::<SeatMapOut>();

/// A seat map.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SeatMapOut {
    event_id: EventId,
    /// Counts how often it was set. With another version all ids are others.
    version: u32,
    /// What stands on the stage.
    stage: String,
    /// Whether no choice may leave a single seat free beside it.
    no_single_seats: bool,
    /// Seats that can be had.
    free: usize,
    /// Seats of buyers who have not paid.
    held: usize,
    /// Seats that are sold.
    sold: usize,
    /// Its sections.
    sections: Vec<SectionOut>,
}

/// A section of a seat map.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SectionOut {
    name: String,
    /// What is sold there.
    ticket_id: TicketTypeId,
    /// What that is called.
    ticket_name: String,
    /// What a seat costs, in rupiah.
    price: Rupiah,
    /// Its rows, the nearest to the stage first.
    rows: Vec<RowOut>,
}

/// A row of a seat map.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RowOut {
    label: String,
    /// Its seats, from one end to the other.
    seats: Vec<MapSeatOut>,
}

/// A seat of a seat map.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct MapSeatOut {
    /// By which it is chosen.
    id: SeatNumber,
    label: String,
    /// Seats from the left edge.
    x: f32,
    /// Seats from the front.
    y: f32,
    /// Whose it is.
    state: StateOut,
    /// Whether it is kept for people who need it; absent if not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(default)]
    accessible: bool,
}

/// Whose a seat is.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum StateOut {
    /// Nobody's.
    Free,
    /// Somebody's who has not paid.
    Held,
    /// Somebody's who has paid.
    Sold,
}

impl From<Whose> for StateOut {
    fn from(state: Whose) -> Self {
        match state {
            Whose::Free => Self::Free,
            Whose::Held => Self::Held,
            Whose::Sold => Self::Sold,
        }
    }
}

pub(crate) async fn get_seat_map(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<EventId>,
) -> web::Result<Answer<SeatMapOut>> {
    let conn = app.db.conn().await?;
    let plan = db::seat_maps::show(&conn, id, viewer.id(), viewer.sees_all(), app.clock.now())
        .await?
        .ok_or_else(|| Error::not_found("Seat map"))?;
    Ok(Answer::ok(SeatMapOut::new(id, plan)).cached_for_strangers(viewer, SEATS_CACHED_SECONDS))
}

impl SeatMapOut {
    fn new(event_id: EventId, plan: Plan) -> Self {
        let [free, held, sold] = [Whose::Free, Whose::Held, Whose::Sold].map(|state| plan.count(state));
        let mut sections: Vec<SectionOut> = Vec::new();
        let mut last = None;
        for row in plan.rows {
            let section_no = Some(row.section_no);
            match sections.last_mut() {
                Some(section) if section_no == last => section.rows.push(row.into()),
                _ => sections.push(SectionOut {
                    name: row.section.clone(),
                    ticket_id: row.ticket_type,
                    ticket_name: row.ticket.clone(),
                    price: row.price,
                    rows: vec![row.into()],
                }),
            }
            last = section_no;
        }
        Self {
            event_id,
            version: plan.version,
            stage: plan.stage,
            no_single_seats: plan.no_single_seats,
            free,
            held,
            sold,
            sections,
        }
    }
}

impl From<PlanRow> for RowOut {
    fn from(row: PlanRow) -> Self {
        let seats = row.seats.into_iter().map(|seat| MapSeatOut {
            id: seat.number,
            label: seat.label,
            x: in_seats(seat.x),
            y: in_seats(seat.y),
            state: seat.state.into(),
            accessible: seat.accessible,
        });
        Self {
            label: row.label,
            seats: seats.collect(),
        }
    }
}

/// Hundredths as they were sent.
fn in_seats(hundredths: i32) -> f32 {
    hundredths as f32 / 100.0
}

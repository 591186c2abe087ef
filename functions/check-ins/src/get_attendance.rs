use crate::{App, place};
use axum::extract::State;
use db::attendance;
use db::attendance::Tally;
use domain::api_key::Scope;
use domain::{EventId, GateId, TicketTypeId};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Path, Route, Staff};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/check-ins/event/{eventId}/attendance",
    Access::Staff,
    "get_attendance",
    "Count who is in, by kind of ticket and by gate. Ask again with `If-None-Match`: 304 says that nobody went in since",
)
.scope(Scope::TicketsCheck)
.data::<AttendanceOut>();

/// Who is in at an event.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "LiveAttendance")]
pub(crate) struct AttendanceOut {
    event_id: EventId,
    /// Tickets that let somebody in, or can.
    tickets: i64,
    /// Tickets with which somebody went in.
    admitted: i64,
    /// By kind of ticket.
    ticket_types: Vec<KindOut>,
    /// By gate. Who went in where no gate was named is in none of them.
    gates: Vec<GateTally>,
}

/// Who is in with a kind of ticket.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "LiveAttendanceOfTicket")]
struct KindOut {
    ticket_id: TicketTypeId,
    ticket_name: String,
    /// Tickets that let somebody in, or can.
    tickets: i64,
    /// Tickets with which somebody went in.
    admitted: i64,
}

/// Who went in at a gate.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "LiveAttendanceOfGate")]
struct GateTally {
    gate_id: GateId,
    gate_name: String,
    /// Tickets with which somebody went in there.
    admitted: i64,
}

/// The sum over the tallies that are meant.
fn sum(tallies: &[Tally], meant: impl Fn(&Tally) -> bool) -> i64 {
    let meant = tallies.iter().filter(|tally| meant(tally));
    meant.map(|tally| tally.tickets).sum()
}

pub(crate) async fn get_attendance(
    State(app): State<Arc<App>>,
    Staff(caller): Staff,
    Path(event): Path<EventId>,
) -> web::Result<Answer<AttendanceOut>> {
    let conn = app.db.conn().await?;
    let place = place::of(&conn, caller, event, None).await?;
    let (kinds, gates, tallies) = tokio::try_join!(
        attendance::kinds(&conn, place.event),
        db::gates::list(&conn, place.event),
        attendance::tallies(&conn, place.event)
    )?;
    let ticket_types = kinds.into_iter().map(|kind| KindOut {
        tickets: sum(&tallies, |tally| tally.kind == kind.id),
        admitted: sum(&tallies, |tally| tally.kind == kind.id && tally.used),
        ticket_id: kind.id,
        ticket_name: kind.name,
    });
    let gates = gates.into_iter().map(|gate| GateTally {
        admitted: sum(&tallies, |tally| tally.used && tally.gate == Some(gate.id)),
        gate_id: gate.id,
        gate_name: gate.name,
    });
    Ok(Answer::ok(AttendanceOut {
        event_id: place.event,
        tickets: sum(&tallies, |_| true),
        admitted: sum(&tallies, |tally| tally.used),
        ticket_types: ticket_types.collect(),
        gates: gates.collect(),
    }))
}

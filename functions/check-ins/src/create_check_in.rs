use crate::scan_out::{EntryOut, GateRef};
use crate::{App, place};
use axum::extract::State;
use db::check_ins::{self, Noted, Place, Scanner, Ticket};
use domain::api_key::Scope;
use domain::check_in::{DeviceName, Refusal, ScanId};
use domain::{CheckInId, Error, EventId, GateId, Kind, TicketTypeId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use views::SeatOut;
use web::{Access, Answer, Json, Route, Staff};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/check-ins",
    Access::Staff,
    "create_check_in",
    "Scan a ticket at an event and let its holder in. Of any number of scans of a ticket one lets somebody in; the others, and those \
     of tickets that do not admit, are answered with 200, too: `admitted` is false and `reason` says why. A scan that is sent again \
     with its `scanId` gets the same answer",
)
.scope(Scope::TicketsCheck)
.body::<ScanIn>()
.data::<Verdict>();

web::input! {
    /// A scanned QR code.
    pub(crate) struct ScanIn {
        /// What it carries.
        token: String,
        /// The event at which it was scanned.
        event_id: EventId,
        /// The gate; absent if the event has none, or the caller is sent to one gate alone.
        gate_id: Option<GateId>,
        /// What the device is called.
        device: DeviceName,
        /// By which the device knows this scan, new for each.
        scan_id: ScanId,
    }
}

/// What a gate has to know.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CheckInVerdict")]
pub(crate) struct Verdict {
    /// Whether to let them in.
    admitted: bool,
    /// Why not; absent if they are let in.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Refusal>,
    /// This scan, by which it can be undone; null if there is no such ticket.
    check_in_id: Option<CheckInId>,
    /// When it was made.
    at: Timestamp,
    /// At which gate; null if none was named.
    gate: Option<GateRef>,
    /// The ticket; null unless it is one of this event.
    ticket: Option<TicketOut>,
    /// By which scan somebody is in already.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<EntryOut>,
    /// Since when the ticket has another code, if that is why nobody is let in.
    #[serde(skip_serializing_if = "Option::is_none")]
    retired_at: Option<Timestamp>,
}

/// What a gate sees of a ticket.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ScannedTicket")]
struct TicketOut {
    /// What identifies it: 32 hexadecimal digits.
    code: String,
    /// Its kind.
    ticket_id: TicketTypeId,
    /// What its kind is called.
    ticket_name: String,
    /// Whose name is on it.
    holder_name: String,
    /// Where its holder sits; null without a seat.
    seat: Option<SeatOut>,
}

impl Verdict {
    /// On a code behind which there is no ticket.
    fn no_ticket(reason: Refusal, place: &Place, at: Timestamp) -> Self {
        Self {
            admitted: false,
            reason: Some(reason),
            check_in_id: None,
            at,
            gate: place.gate.as_ref().map(GateRef::of),
            ticket: None,
            first: None,
            retired_at: None,
        }
    }

    fn of(noted: Noted, place: &Place, ticket: Ticket) -> Self {
        let has_another_code = matches!(noted.reason, Some(Refusal::Transferred | Refusal::Renamed));
        let retired = ticket.retired.filter(|_| has_another_code);
        Self {
            retired_at: retired.map(|code| code.passed_on.unwrap_or(code.at)),
            admitted: noted.let_in,
            reason: noted.reason,
            check_in_id: Some(noted.id),
            at: noted.at,
            gate: place.gate.as_ref().map(GateRef::of),
            ticket: (ticket.event == place.event).then_some(TicketOut {
                code: ticket.code,
                ticket_id: ticket.kind,
                ticket_name: ticket.kind_name,
                holder_name: ticket.holder_name,
                seat: ticket.seat.map(SeatOut::from),
            }),
            first: noted.first.map(EntryOut::from),
        }
    }
}

/// An id of a scan that the device gave to another ticket.
fn another_scan() -> Error {
    let message = "This \"scanId\" was used for another ticket";
    Error::new(Kind::Invalid, "idempotency_mismatch", message)
}

pub(crate) async fn create_check_in(
    State(app): State<Arc<App>>,
    Staff(caller): Staff,
    Json(input): Json<ScanIn>,
) -> web::Result<Answer<Verdict>> {
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let place = place::of(&conn, caller, input.event_id, input.gate_id).await?;
    let Ok(claims) = app.keys.verify(input.token.trim()) else {
        return Ok(Answer::ok(Verdict::no_ticket(Refusal::Forged, &place, now)));
    };
    let scanner = Scanner {
        event: place.event,
        gate: place.gate.as_ref().map(|gate| gate.id),
        device: &input.device,
        by: caller.id,
    };
    let tx = conn.begin().await?;
    // Whoever holds the lock decides; the next one sees what was decided.
    let Some(ticket) = check_ins::lock(&tx, &[claims.code.to_string()]).await?.pop() else {
        return Ok(Answer::ok(Verdict::no_ticket(Refusal::Unknown, &place, now)));
    };
    if let Some(noted) = check_ins::find(&tx, scanner, &input.scan_id).await? {
        if noted.ticket != ticket.id {
            return Err(another_scan().into());
        }
        return Ok(Answer::ok(Verdict::of(noted, &place, ticket)));
    }
    // What was undone counts no more up to then, and the clock of whoever undid it may have been ahead of ours.
    let after_undo = ticket.undone_at.map(|undone| undone.plus_milliseconds(1));
    let at = after_undo.map_or(now, |earliest| earliest.max(now));
    let decided = place.doors().check(ticket.shown(), at);
    let id = check_ins::insert(&tx, scanner, &ticket, &input.scan_id, decided, at).await?;
    let id = id.ok_or_else(another_scan)?;
    if decided.is_ok() {
        check_ins::settle(&tx, &[ticket.id]).await?;
    }
    tx.commit().await.map_err(db::DbError::from)?;
    let noted = Noted {
        id,
        ticket: ticket.id,
        at,
        let_in: decided.is_ok(),
        reason: decided.err(),
        first: ticket
            .first
            .clone()
            .filter(|_| decided == Err(Refusal::AlreadyUsed)),
    };
    Ok(Answer::ok(Verdict::of(noted, &place, ticket)))
}

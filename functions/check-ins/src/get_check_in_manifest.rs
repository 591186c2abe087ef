use crate::gate_out::GateOut;
use crate::{App, place};
use axum::extract::State;
use db::attendance;
use domain::api_key::Scope;
use domain::check_in::{MOST_SCANS, OLDEST_SECONDS};
use domain::event::EventStatus;
use domain::{EventId, TicketTypeId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use ticketing::{PublicKey, revocation};
use web::{Access, Answer, Path, Query, Route, Staff};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/check-ins/event/{eventId}/manifest",
    Access::Staff,
    "get_check_in_manifest",
    "Read what a device needs to check tickets of an event without a connection: public keys, rules, and which codes let nobody in \
     any more. Ask again with `since` and `If-None-Match` to hear what is new",
)
.scope(Scope::TicketsCheck)
.query::<ManifestQuery>()
.data::<Manifest>();

/// Seconds by which a question about what is new reaches back: a transaction may commit that much later than it says.
const OVERLAP_SECONDS: i64 = 300;

web::input! {
    /// From when on.
    pub(crate) struct ManifestQuery {
        /// `until` of the manifest before: only codes that ended since are listed, and some that are known already.
        since: Option<Timestamp>,
    }
}

/// What a device needs to check tickets without a connection.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CheckInManifest")]
pub(crate) struct Manifest {
    event_id: EventId,
    /// What the event is called.
    event_name: String,
    /// Where the event stands; nobody is let in if it is cancelled.
    status: EventStatus,
    /// From then on tickets are let in …
    opens_at: Timestamp,
    /// … until then.
    closes_at: Timestamp,
    /// The gate that the caller is sent to; null for all.
    gate_id: Option<domain::GateId>,
    /// The gates of the event.
    gates: Vec<GateOut>,
    /// The kinds of tickets of the event.
    ticket_types: Vec<KindOut>,
    /// The keys that sign tickets, the current one first.
    keys: Vec<PublicKey>,
    /// Codes of tickets that were taken back, passed on or renamed.
    revoked: Revoked,
    /// Tickets that let somebody in, or can.
    tickets: i64,
    /// Most scans in one upload.
    most_scans: usize,
    /// Seconds after which a scan cannot be told any more.
    oldest_scan_seconds: i64,
}

/// A kind of ticket.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ManifestTicket")]
struct KindOut {
    ticket_id: TicketTypeId,
    ticket_name: String,
}

/// Codes that let nobody in any more. Empty for a cancelled event, which lets nobody in.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RevokedTickets")]
struct Revoked {
    /// How many are listed.
    count: usize,
    /// Base64 of one entry of eight bytes after the other, sorted: the beginning of the SHA-256 of the ticket's code, which is taken
    /// as the text of its 32 hexadecimal digits.
    hashes: String,
    /// When the last of them ended, for `since`; null if none ever did.
    until: Option<Timestamp>,
}

pub(crate) async fn get_check_in_manifest(
    State(app): State<Arc<App>>,
    Staff(caller): Staff,
    Path(event): Path<EventId>,
    Query(query): Query<ManifestQuery>,
) -> web::Result<Answer<Manifest>> {
    let conn = app.db.conn().await?;
    let place = place::of(&conn, caller, event, None).await?;
    let since = query.since.map(|since| since.plus_seconds(-OVERLAP_SECONDS));
    let (gates, kinds, tallies) = tokio::try_join!(
        db::gates::list(&conn, place.event),
        attendance::kinds(&conn, place.event),
        attendance::tallies(&conn, place.event)
    )?;
    let revoked = if place.status == EventStatus::Cancelled {
        Vec::new()
    } else {
        attendance::revoked(&conn, place.event, since).await?
    };
    let doors = place.doors();
    Ok(Answer::ok(Manifest {
        event_id: place.event,
        status: place.status,
        opens_at: doors.opens_at(),
        closes_at: doors.closes_at(),
        gate_id: place.gate.as_ref().map(|gate| gate.id),
        gates: gates.into_iter().map(GateOut::from).collect(),
        ticket_types: kinds
            .into_iter()
            .map(|kind| KindOut {
                ticket_id: kind.id,
                ticket_name: kind.name,
            })
            .collect(),
        keys: app.keys.public_keys(),
        revoked: Revoked {
            count: revoked.len(),
            hashes: revocation::pack(revoked.iter().map(|ticket| ticket.code.as_str())),
            until: revoked.iter().map(|ticket| ticket.at).max().or(query.since),
        },
        tickets: tallies.iter().map(|tally| tally.tickets).sum(),
        most_scans: MOST_SCANS,
        oldest_scan_seconds: OLDEST_SECONDS,
        event_name: place.name,
    }))
}

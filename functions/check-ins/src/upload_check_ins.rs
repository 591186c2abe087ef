use crate::scan_out::EntryOut;
use crate::{App, place};
use axum::extract::State;
use db::check_ins::{self, Outcome, Scanner, Ticket, Told};
use domain::api_key::Scope;
use domain::check_in::{DeviceName, MOST_SCANS, Refusal, ScanId, time_of_scan};
use domain::{CheckInId, Error, EventId, GateId, IssuedTicketId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use web::{Access, Answer, Json, Route, Staff};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/check-ins/batch",
    Access::Staff,
    "upload_check_ins",
    "Tell of up to 300 people whom a device let in while it had no connection. The earliest scan of a ticket counts, whenever it is \
     told; others are conflicts. Sent again it changes nothing",
)
.scope(Scope::TicketsCheck)
.body::<UploadIn>()
.data::<UploadOut>();

web::input! {
    /// What a device let in by itself.
    pub(crate) struct UploadIn {
        /// The event.
        event_id: EventId,
        /// The gate; absent if the event has none, or the caller is sent to one gate alone.
        gate_id: Option<GateId>,
        /// What the device is called.
        device: DeviceName,
        /// The scans that let somebody in, in any order.
        scans: Vec<OfflineScan>,
    }
}

/// A scan that let somebody in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OfflineScan {
    /// By which the device knows it.
    scan_id: ScanId,
    /// What the QR code carries.
    token: String,
    /// When it was scanned, by the clock of the device. What is in the future counts as now.
    scanned_at: Timestamp,
}

/// What became of the scans.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "OfflineScanResults")]
pub(crate) struct UploadOut {
    /// Each of them, in the order in which they were told.
    results: Vec<ResultOut>,
    /// How many of them are conflicts.
    conflicts: usize,
    /// How many of them were not taken.
    rejected: usize,
}

/// What became of a scan.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "OfflineScanResult")]
struct ResultOut {
    /// By which the device knows it.
    scan_id: ScanId,
    /// The scan; null if it was not taken.
    check_in_id: Option<CheckInId>,
    outcome: OutcomeWord,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Problem>,
    /// The scan that let somebody in with the same ticket before.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<EntryOut>,
}

/// What became of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "OfflineScanOutcome")]
enum OutcomeWord {
    /// It let the holder of the ticket in.
    Admitted,
    /// It let somebody in who should not have been.
    Conflict,
    /// It is not kept, or not as a scan that let somebody in.
    Rejected,
}

/// What is wrong with a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
enum Problem {
    /// The ticket did not admit, or somebody was in with it.
    Ticket(Refusal),
    /// The scan cannot be taken.
    Scan(ScanProblem),
}

/// Why a scan cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ScanProblem {
    /// It was made more than a week ago.
    TooOld,
    /// The device gave its id to another ticket, too.
    IdReused,
}

impl ResultOut {
    fn rejected(scan: ScanId, reason: Problem) -> Self {
        Self {
            scan_id: scan,
            check_in_id: None,
            outcome: OutcomeWord::Rejected,
            reason: Some(reason),
            first: None,
        }
    }

    fn of(scan: ScanId, ticket: IssuedTicketId, outcome: &Outcome) -> Self {
        if outcome.ticket != ticket {
            return Self::rejected(scan, Problem::Scan(ScanProblem::IdReused));
        }
        let first = outcome.first.clone().filter(|first| first.id != outcome.id);
        let (word, reason) = match outcome.fault {
            Some(fault) if !outcome.let_in => (OutcomeWord::Rejected, Some(fault)),
            Some(fault) => (OutcomeWord::Conflict, Some(fault)),
            None if first.is_some() => (OutcomeWord::Conflict, Some(Refusal::AlreadyUsed)),
            None => (OutcomeWord::Admitted, None),
        };
        Self {
            scan_id: scan,
            check_in_id: Some(outcome.id),
            outcome: word,
            reason: reason.map(Problem::Ticket),
            first: first.filter(|_| outcome.let_in).map(EntryOut::from),
        }
    }
}

pub(crate) async fn upload_check_ins(
    State(app): State<Arc<App>>,
    Staff(caller): Staff,
    Json(input): Json<UploadIn>,
) -> web::Result<Answer<UploadOut>> {
    let now = app.clock.now();
    if !(1..=MOST_SCANS).contains(&input.scans.len()) {
        let message = format!("\"scans\" must contain 1 to {MOST_SCANS} scans");
        return Err(Error::invalid_field("scans", message).into());
    }
    let mut conn = app.db.conn().await?;
    let place = place::of(&conn, caller, input.event_id, input.gate_id).await?;
    let codes: Vec<Result<String, Problem>> = input
        .scans
        .iter()
        .map(|scan| match app.keys.verify(scan.token.trim()) {
            Ok(claims) => Ok(claims.code.to_string()),
            Err(_) => Err(Problem::Ticket(Refusal::Forged)),
        })
        .collect();
    let scanner = Scanner {
        event: place.event,
        gate: place.gate.as_ref().map(|gate| gate.id),
        device: &input.device,
        by: caller.id,
    };
    let tx = conn.begin().await?;
    let known: Vec<String> = codes.iter().flatten().cloned().collect();
    let tickets: HashMap<String, Ticket> = check_ins::lock(&tx, &known)
        .await?
        .into_iter()
        .map(|ticket| (ticket.code.clone(), ticket))
        .collect();
    let doors = place.doors();
    // What is to be kept, or why it is not.
    let judged: Vec<Result<Told<'_>, Problem>> = input
        .scans
        .iter()
        .zip(codes)
        .map(|(scan, code)| {
            let ticket = tickets.get(&code?).ok_or(Problem::Ticket(Refusal::Unknown))?;
            let at = time_of_scan(scan.scanned_at, now).ok_or(Problem::Scan(ScanProblem::TooOld))?;
            Ok(Told {
                ticket: ticket.id,
                scan: &scan.scan_id,
                at,
                fault: doors.fault(ticket.shown_at(at), at),
            })
        })
        .collect();
    let told: Vec<&Told<'_>> = judged.iter().flatten().collect();
    check_ins::insert_told(&tx, scanner, &told, now).await?;
    let touched: Vec<IssuedTicketId> = told.iter().map(|told| told.ticket).collect();
    check_ins::settle(&tx, &touched).await?;
    let ids: Vec<&ScanId> = told.iter().map(|told| told.scan).collect();
    let outcomes = check_ins::outcomes(&tx, scanner, &ids).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    let outcomes: HashMap<&str, &Outcome> = outcomes
        .iter()
        .map(|outcome| (outcome.scan.as_str(), outcome))
        .collect();
    let results: Vec<ResultOut> = judged
        .into_iter()
        .zip(&input.scans)
        .map(|(judged, scan)| {
            let id = scan.scan_id.clone();
            match judged {
                Err(problem) => Ok(ResultOut::rejected(id, problem)),
                Ok(told) => {
                    let outcome = outcomes.get(id.as_str()).copied();
                    let outcome = outcome.ok_or_else(|| Error::internal("a scan was not written down"))?;
                    Ok(ResultOut::of(id, told.ticket, outcome))
                }
            }
        })
        .collect::<domain::Result<_>>()?;
    let count = |word| results.iter().filter(|result| result.outcome == word).count();
    let (conflicts, rejected) = (count(OutcomeWord::Conflict), count(OutcomeWord::Rejected));
    Ok(Answer::ok(UploadOut {
        results,
        conflicts,
        rejected,
    }))
}

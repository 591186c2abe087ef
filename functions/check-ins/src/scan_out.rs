//! Scans as the API shows them.

use db::attendance::Scan;
use db::check_ins::Entry;
use db::gates::Gate;
use domain::check_in::Refusal;
use domain::{CheckInId, GateId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::Serialize;

/// A gate, by its name.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct GateRef {
    /// Its id.
    id: GateId,
    /// What it is called.
    name: String,
}

impl GateRef {
    pub(crate) fn of(gate: &Gate) -> Self {
        Self {
            id: gate.id,
            name: gate.name.clone(),
        }
    }
}

/// The scan by which somebody was let in already.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FirstCheckIn")]
pub(crate) struct EntryOut {
    /// The scan.
    check_in_id: CheckInId,
    /// When it was made.
    at: Timestamp,
    /// What the gate is called; null if none was named.
    gate: Option<String>,
    /// The device.
    device: String,
}

impl From<Entry> for EntryOut {
    fn from(entry: Entry) -> Self {
        Self {
            check_in_id: entry.id,
            at: entry.at,
            gate: entry.gate,
            device: entry.device,
        }
    }
}

/// A scan at an event.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CheckIn")]
pub(crate) struct ScanOut {
    id: CheckInId,
    /// When the ticket was scanned.
    at: Timestamp,
    /// When that was told here.
    received_at: Timestamp,
    /// Whether the device had no connection and decided by itself.
    offline: bool,
    /// The gate; null if none was named.
    gate: Option<GateRef>,
    /// The device.
    device: String,
    /// Whose account it used.
    scanned_by: UserId,
    /// The ticket; null if it is for another event.
    ticket_code: Option<String>,
    /// What its kind is called; null if it is for another event.
    ticket_name: Option<String>,
    /// Whether somebody was let in.
    admitted: bool,
    /// Why not, or why they should not have been.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Refusal>,
    /// By which scan somebody was in already.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<EntryOut>,
    /// When it was undone that somebody was let in.
    #[serde(skip_serializing_if = "Option::is_none")]
    undone_at: Option<Timestamp>,
}

impl From<Scan> for ScanOut {
    fn from(scan: Scan) -> Self {
        Self {
            id: scan.id,
            at: scan.at,
            received_at: scan.received_at,
            offline: scan.offline,
            gate: scan.gate.map(|(id, name)| GateRef { id, name }),
            device: scan.device,
            scanned_by: scan.by,
            ticket_code: scan.code,
            ticket_name: scan.kind_name,
            admitted: scan.let_in,
            reason: scan.reason,
            first: scan.first.map(EntryOut::from),
            undone_at: scan.undone_at,
        }
    }
}

/// Scans, newest first.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CheckInList")]
pub(crate) struct ScanList {
    /// The scans of this page.
    check_ins: Vec<ScanOut>,
    /// `cursor` of the next page; null on the last one.
    next_cursor: Option<CheckInId>,
}

impl ScanList {
    /// Scans on a page.
    pub(crate) const PAGE: u32 = 100;

    /// What was read with [`ScanList::PAGE`] as its limit.
    pub(crate) fn new(scans: Vec<Scan>) -> Self {
        let full = scans.len() >= Self::PAGE as usize;
        Self {
            next_cursor: scans.last().map(|scan| scan.id).filter(|_| full),
            check_ins: scans.into_iter().map(ScanOut::from).collect(),
        }
    }
}

//! Gates as the API shows them.

use db::gates::{Gate, Written};
use domain::{Error, EventId, GateId, TicketTypeId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

/// A gate of an event.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Gate")]
pub(crate) struct GateOut {
    id: GateId,
    /// Its event.
    event_id: EventId,
    /// What it is called.
    name: String,
    /// The kinds of tickets that it lets in; null if it is all.
    ticket_ids: Option<Vec<TicketTypeId>>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Gate> for GateOut {
    fn from(gate: Gate) -> Self {
        Self {
            id: gate.id,
            event_id: gate.event,
            name: gate.name,
            ticket_ids: gate.ticket_types,
            created_at: gate.created_at,
            updated_at: gate.updated_at,
        }
    }
}

/// The gate that was written.
pub(crate) fn written(written: Written) -> domain::Result<Gate> {
    match written {
        Written::Gate(gate) => Ok(gate),
        Written::NameTaken => {
            let message = "Another gate of the event has that name";
            Err(Error::conflict("name_taken", message))
        }
    }
}

/// Most kinds of tickets that one gate names.
const MOST_KINDS: usize = 200;

/// Refuses a list of kinds that is none, or names what is not sold at the event.
pub(crate) async fn check_kinds(
    tx: &db::Transaction<'_>,
    event: EventId,
    kinds: Option<&[TicketTypeId]>,
) -> domain::Result<()> {
    let Some(kinds) = kinds else { return Ok(()) };
    if !(1..=MOST_KINDS).contains(&kinds.len()) {
        let message = format!("\"ticketIds\" must contain 1 to {MOST_KINDS} ids, or be null for all");
        return Err(Error::invalid_field("ticketIds", message));
    }
    if !db::gates::are_of_event(tx, event, kinds).await? {
        return Err(Error::not_found("Ticket"));
    }
    Ok(())
}

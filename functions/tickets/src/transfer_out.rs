//! Tickets on their way to somebody else, as the API shows them.

use db::handovers::Handover;
use domain::handover::HandoverStatus;
use domain::{EventId, HandoverId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

/// A ticket that somebody offers to somebody else.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TicketTransfer")]
pub(crate) struct TransferOut {
    /// Its id.
    id: HandoverId,
    /// Where it stands.
    status: HandoverStatus,
    /// Code of the ticket, for whoever offers it; null for everybody else, and once it is somebody else's.
    ticket_code: Option<String>,
    /// What its kind is called.
    ticket_name: String,
    /// Its event.
    event_id: EventId,
    /// What the event is called.
    event_name: String,
    /// When the event begins.
    event_date: Timestamp,
    /// Zone of the place, for showing the date.
    time_zone: String,
    /// Where it takes place.
    location: String,
    /// Who offers it.
    from_name: String,
    /// To which address; null once one of both has left.
    email: Option<String>,
    /// When it was offered.
    created_at: Timestamp,
    /// Until when it can be accepted.
    expires_at: Timestamp,
    /// When it ended; null while it is open.
    decided_at: Option<Timestamp>,
}

impl TransferOut {
    /// As whoever offers the ticket sees it.
    pub(crate) fn sent(handover: Handover, now: Timestamp) -> Self {
        let status = handover.status.at(handover.expires_at, now);
        let expired = (status == HandoverStatus::Expired).then_some(handover.expires_at);
        Self {
            id: handover.id,
            status,
            ticket_code: handover.senders_code,
            ticket_name: handover.kind_name,
            event_id: handover.event,
            event_name: handover.event_name,
            event_date: handover.event_date,
            time_zone: handover.event_time_zone,
            location: handover.event_location,
            from_name: handover.from_name,
            email: handover.to,
            created_at: handover.created_at,
            expires_at: handover.expires_at,
            decided_at: handover.decided_at.or(expired),
        }
    }

    /// As everybody else sees it.
    pub(crate) fn received(handover: Handover, now: Timestamp) -> Self {
        Self {
            ticket_code: None,
            ..Self::sent(handover, now)
        }
    }
}

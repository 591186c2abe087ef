//! Refunds as the API shows them.

use db::refunds::Refund;
use domain::refund::{By, Cause, RefundStatus};
use domain::{EventId, IssuedTicketId, PaymentId, RefundId, Rupiah, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

/// Money on its way back.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundOut {
    /// Its id.
    id: RefundId,
    /// Of which payment.
    payment_id: PaymentId,
    /// What the order is called.
    order_id: String,
    /// How much, in rupiah.
    amount: Rupiah,
    /// Why.
    reason: String,
    /// What made it: a request, money that came too late or in a wrong amount, the calling off of an event, or the gateway.
    cause: Cause,
    /// Where it stands. `manual` ones wait for people to transfer the money.
    status: RefundStatus,
    /// The tickets that it took back.
    ticket_ids: Vec<IssuedTicketId>,
    /// Out of whose takings it is paid.
    parts: Vec<PartOut>,
    /// How often the gateway was asked.
    attempts: u32,
    /// What was in the way last; not shown to buyers.
    last_error: Option<String>,
    /// By which a transfer is found again at the bank.
    reference: Option<String>,
    /// When it was made.
    created_at: Timestamp,
    /// When it ended.
    finished_at: Option<Timestamp>,
}

/// What an event pays of a refund.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PartOut {
    event_id: EventId,
    /// In rupiah.
    amount: Rupiah,
}

impl RefundOut {
    /// A refund as somebody sees it.
    pub(crate) fn new(refund: Refund, by: By) -> Self {
        let parts = refund.parts.into_iter();
        Self {
            id: refund.id,
            payment_id: refund.payment_id,
            order_id: refund.order_code,
            amount: refund.amount,
            reason: refund.reason,
            cause: refund.cause,
            status: refund.status,
            ticket_ids: refund.tickets,
            parts: parts
                .map(|(event_id, amount)| PartOut { event_id, amount })
                .collect(),
            attempts: refund.attempts,
            last_error: refund.last_error.filter(|_| by != By::Buyer),
            reference: refund.reference,
            created_at: refund.created_at,
            finished_at: refund.finished_at,
        }
    }
}

web::list! {
    /// A page of refunds.
    RefundList { refunds: RefundOut }
}

use crate::App;
use crate::refund_out::RefundOut;
use axum::extract::State;
use db::refunds::{self, Refund};
use domain::refund::By;
use domain::{Error, EventId, IssuedTicketId, PaymentId, Rupiah};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Caller, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/payments/{id}/refunds",
    Access::User,
    "list_payment_refunds",
    "Read what of a payment went back or is on its way, and which of its tickets are left: buyers of their own, organizers of \
     their events",
)
.data::<PaymentRefunds>();

/// What went back of a payment, and what is left.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PaymentRefunds {
    /// The oldest first.
    refunds: Vec<RefundOut>,
    /// Tickets that are not void; `POST` takes their ids.
    tickets: Vec<HeldOut>,
}

/// A ticket that may be given back.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct HeldOut {
    ticket_id: IssuedTicketId,
    event_id: EventId,
    /// What it was charged, in rupiah.
    amount: Rupiah,
    /// Whether somebody came in with it.
    used: bool,
}

pub(crate) async fn list_payment_refunds(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<PaymentId>,
) -> web::Result<Answer<PaymentRefunds>> {
    let conn = app.db.conn().await?;
    let access = refunds::access(&conn, id, caller.id, caller.is_admin()).await?;
    let access = access.ok_or_else(|| Error::not_found("Payment"))?;
    let mut found = refunds::of_payment(&conn, id).await?;
    let mut live = db::issued::live(&conn, access.order).await?;
    if access.by == By::Buyer {
        // What was passed on, its buyer does not give back.
        live.retain(|ticket| ticket.with_buyer);
    }
    let mut held = refunds::held(&live);
    if access.by == By::Organizer {
        let takings = refunds::takings(&conn, access.order, Some(caller.id)).await?;
        let own = takings.iter().filter(|takings| takings.own);
        let own: Vec<EventId> = own.map(|takings| takings.event).collect();
        let pays = |refund: &Refund| refund.parts.iter().any(|(event, _)| own.contains(event));
        found.retain(|refund| refund.parts.is_empty() || pays(refund));
        held.retain(|ticket| own.contains(&ticket.event));
    }
    let held = held.into_iter().map(|ticket| HeldOut {
        ticket_id: ticket.id,
        event_id: ticket.event,
        amount: ticket.worth,
        used: ticket.used,
    });
    Ok(Answer::ok(PaymentRefunds {
        refunds: found
            .into_iter()
            .map(|refund| RefundOut::new(refund, access.by))
            .collect(),
        tickets: held.collect(),
    }))
}

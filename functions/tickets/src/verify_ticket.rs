use crate::App;
use crate::issued::IssuedTicketOut;
use axum::extract::State;
use domain::api_key::Scope;
use domain::event::EventStatus;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Json, Route, Staff};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/tickets/verify",
    Access::Staff,
    "verify_ticket",
    "Check what a QR code carries; the ticket stays as it is",
)
.scope(Scope::TicketsCheck)
.body::<Scan>()
.data::<Verdict>();

web::input! {
    /// A scanned QR code.
    pub(crate) struct Scan {
        /// What it carries.
        token: String,
    }
}

/// What a gate has to know.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Verdict {
    /// Whether the ticket admits.
    valid: bool,
    /// Why not; absent if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    /// The ticket, if there is one of an event at which the caller checks tickets.
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<IssuedTicketOut>,
}

/// Why a ticket does not admit.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Reason {
    /// It was not issued here, or not as it is.
    Forged,
    /// No such ticket is known, or it is for an event at which the caller does not check tickets.
    Unknown,
    /// It was taken back.
    Void,
    /// Somebody went in with it.
    Used,
    /// The event was called off.
    Cancelled,
    /// It was passed on, or another name was put on it: it has another code since.
    Transferred,
}

pub(crate) async fn verify_ticket(
    State(app): State<Arc<App>>,
    Staff(caller): Staff,
    Json(scan): Json<Scan>,
) -> web::Result<Answer<Verdict>> {
    let refused = |reason| Verdict {
        valid: false,
        reason: Some(reason),
        ticket: None,
    };
    let Ok(claims) = app.keys.verify(scan.token.trim()) else {
        return Ok(Answer::ok(refused(Reason::Forged)));
    };
    let conn = app.db.conn().await?;
    let code = claims.code.to_string();
    let Some(ticket) = db::issued::find_at_gate(&conn, &code, caller.id, caller.is_admin()).await? else {
        let retired = db::handovers::is_retired_at_gate(&conn, &code, caller.id, caller.is_admin()).await?;
        let reason = if retired {
            Reason::Transferred
        } else {
            Reason::Unknown
        };
        return Ok(Answer::ok(refused(reason)));
    };
    let reason = match (ticket.event_status, ticket.status.as_str()) {
        (EventStatus::Cancelled, _) => Some(Reason::Cancelled),
        (_, "valid") => None,
        (_, "used") => Some(Reason::Used),
        _ => Some(Reason::Void),
    };
    Ok(Answer::ok(Verdict {
        valid: reason.is_none(),
        reason,
        ticket: Some(IssuedTicketOut::new(ticket, &app)?),
    }))
}

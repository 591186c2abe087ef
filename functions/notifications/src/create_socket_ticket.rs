use crate::App;
use axum::extract::State;
use domain::{Error, Kind, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Caller, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/realtime/tickets",
    Access::User,
    "create_socket_ticket",
    "Get a ticket that opens one WebSocket: `?ticket=` of its address, within a minute",
)
.status(201)
.data::<SocketTicketOut>();

/// What opens one WebSocket.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SocketTicketOut {
    /// Good once.
    ticket: String,
    /// Until when.
    expires_at: Timestamp,
}

pub(crate) async fn create_socket_ticket(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> web::Result<Answer<SocketTicketOut>> {
    // No scope opens this route to API keys.
    let session = caller.session.ok_or_else(Error::forbidden)?;
    let ticket = runtime::random::hex::<32>();
    let hash = runtime::random::sha256(&ticket);
    let conn = app.db.conn().await?;
    let issued = db::realtime::issue_ticket(&conn, &hash, session, caller.id, app.clock.now()).await?;
    let expires_at = issued.ok_or_else(|| {
        let message = "Too many tickets. Please try again in a minute.";
        Error::new(Kind::RateLimited, "rate_limited", message).retry_after(60)
    })?;
    let data = SocketTicketOut { ticket, expires_at };
    Ok(Answer::created("Ticket created successfully", data))
}

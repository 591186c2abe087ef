use crate::App;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use db::check_ins;
use domain::api_key::Scope;
use domain::audit::{Changes, Subject};
use domain::check_in::{TicketState, UndoReason};
use domain::{CheckInId, Error, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Keyed, Origin, Path, Route, Staff};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/check-ins/{id}/undo",
    Access::Staff,
    "undo_check_in",
    "Undo that somebody was let in: the ticket lets somebody in again",
)
.scope(Scope::TicketsCheck)
.body::<UndoIn>()
.data::<Undone>()
.idempotent()
.conflicts(&["not_admitted", "request_in_flight"]);

web::input! {
    /// Why it is undone.
    pub(crate) struct UndoIn {
        /// For whoever reads the log.
        reason: UndoReason,
    }
}

/// What was undone.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "UndoneCheckIn")]
pub(crate) struct Undone {
    /// The scan.
    check_in_id: CheckInId,
    /// Code of the ticket, which lets somebody in again.
    ticket_code: String,
    /// When it was undone.
    at: Timestamp,
}

pub(crate) async fn undo_check_in(
    State(app): State<Arc<App>>,
    Staff(caller): Staff,
    Path(id): Path<CheckInId>,
    origin: Origin,
    mut request: Keyed<UndoIn>,
) -> web::Result<Response> {
    let now = app.clock.now();
    let once = request.take_once(ROUTE.id, caller.id);
    let reason = request.body.reason;
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    if let Some(stored) = db::idempotency::claim(&tx, once.as_ref(), now).await? {
        return Ok(web::answer::stored(stored));
    }
    let found = check_ins::undoable(tx.client(), id, caller.id, caller.is_admin()).await?;
    let found = found.ok_or_else(|| Error::not_found("Check-in"))?;
    let ticket = check_ins::lock(&tx, std::slice::from_ref(&found.code))
        .await?
        .pop();
    let ticket = ticket.ok_or_else(|| Error::not_found("Check-in"))?;
    let counts = ticket.first.as_ref().is_some_and(|first| first.id == id);
    if !counts || ticket.state != TicketState::Used {
        let message = "Nobody is in by this scan: it was undone, or another one counts";
        return Err(Error::conflict("not_admitted", message).into());
    }
    check_ins::undo(&tx, ticket.id, id, caller.id, &reason, now).await?;
    let changes = Changes::none().gone("checkIn", id).set("reason", reason.as_str());
    let entry = origin.entry(caller, ROUTE.id, Subject::Event(found.event), changes, now);
    db::audit::record(&tx, &entry).await?;
    let data = Undone {
        check_in_id: id,
        ticket_code: found.code,
        at: now,
    };
    let answer = Answer::ok(data).message("Check-in undone successfully");
    db::idempotency::store(tx.client(), once.as_ref(), &answer.to_stored()).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(answer.into_response())
}

use crate::App;
use axum::extract::State;
use db::waiting_list::Entry;
use domain::waiting_list::EntryStatus;
use domain::{EventId, TicketTypeId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Caller, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/cart/waiting-list",
    Access::User,
    "list_lines",
    "List where the caller stands in line for tickets, and what became of it in the last 30 days, newest first",
)
.data::<WaitingPlacesOut>();

/// What ended longer ago is not shown.
const SHOWN_SECONDS: i64 = 30 * 86_400;

/// The lines in which somebody stands or stood.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WaitingPlacesOut {
    /// At most 100 of them.
    entries: Vec<WaitingPlaceOut>,
}

/// Somebody's place in the line for a kind of ticket.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WaitingPlaceOut {
    /// For which kind of ticket.
    ticket_id: TicketTypeId,
    /// What it is called.
    ticket: String,
    /// Of which event.
    event_id: EventId,
    /// What the event is called.
    event: String,
    /// How many tickets are wanted.
    quantity: u32,
    /// `offered`: they are in the cart until `offeredUntil`. `claimed`, `lapsed`, `left` and `closed` are over.
    status: EntryStatus,
    /// 1 for whoever is next; null if it is no longer waited for.
    position: Option<i64>,
    /// Since when.
    joined_at: Timestamp,
    /// Until when the tickets are, or were, kept in the cart; null if it was never the caller's turn.
    offered_until: Option<Timestamp>,
    /// When it was over.
    ended_at: Option<Timestamp>,
}

impl From<Entry> for WaitingPlaceOut {
    fn from(entry: Entry) -> Self {
        Self {
            ticket_id: entry.ticket_type_id,
            ticket: entry.ticket,
            event_id: entry.event_id,
            event: entry.event,
            quantity: entry.quantity,
            status: entry.status,
            position: entry.position,
            joined_at: entry.joined_at,
            offered_until: entry.offered_until,
            ended_at: entry.ended_at,
        }
    }
}

pub(crate) async fn list_lines(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> web::Result<Answer<WaitingPlacesOut>> {
    let shown = app.clock.now().plus_seconds(-SHOWN_SECONDS);
    let conn = app.db.conn().await?;
    let entries = db::waiting_list::of_user(&conn, caller.id, shown).await?;
    let entries = entries.into_iter().map(WaitingPlaceOut::from).collect();
    Ok(Answer::ok(WaitingPlacesOut { entries }))
}

use crate::App;
use crate::gate_out::{GateOut, check_kinds, written};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use db::gates;
use domain::audit::{Changes, Subject};
use domain::check_in::{GateName, MOST_GATES};
use domain::{Error, EventId, TicketTypeId};
use std::sync::Arc;
use web::{Access, Answer, Keyed, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/check-ins/event/{eventId}/gates",
    Access::Publisher,
    "create_gate",
    "Make a gate of an event, for all tickets or for some kinds",
)
.status(201)
.body::<GateIn>()
.data::<GateOut>()
.idempotent()
.conflicts(&["name_taken", "too_many_gates", "request_in_flight"]);

web::input! {
    /// A new gate.
    pub(crate) struct GateIn {
        /// What it is called.
        name: GateName,
        /// The kinds of tickets that it lets in; all if it is null or absent.
        ticket_ids: Option<Vec<TicketTypeId>>,
    }
}

pub(crate) async fn create_gate(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(event): Path<EventId>,
    origin: Origin,
    mut request: Keyed<GateIn>,
) -> web::Result<Response> {
    let now = app.clock.now();
    let once = request.take_once(ROUTE.id, caller.id);
    let GateIn { name, ticket_ids } = request.body;
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    if let Some(stored) = db::idempotency::claim(&tx, once.as_ref(), now).await? {
        return Ok(web::answer::stored(stored));
    }
    // The lock makes the number of gates hold until the end of the transaction.
    db::events::lock_own(&tx, event, caller.id, caller.is_admin())
        .await?
        .ok_or_else(|| Error::not_found("Event"))?;
    check_kinds(&tx, event, ticket_ids.as_deref()).await?;
    if gates::count(&tx, event).await? >= MOST_GATES {
        let message = format!("An event has at most {MOST_GATES} gates");
        return Err(Error::conflict("too_many_gates", message).into());
    }
    let gate = written(gates::insert(&tx, event, &name, ticket_ids.as_deref(), now).await?)?;
    let changes = Changes::none()
        .set("gate", &gate.name)
        .set_if("ticketIds", gate.ticket_types.as_ref());
    let entry = origin.entry(caller, ROUTE.id, Subject::Event(event), changes, now);
    db::audit::record(&tx, &entry).await?;
    let answer = Answer::created("Gate created successfully", GateOut::from(gate));
    db::idempotency::store(tx.client(), once.as_ref(), &answer.to_stored()).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(answer.into_response())
}

use crate::App;
use crate::gate_out::{GateOut, check_kinds, written};
use axum::extract::State;
use db::gates::{self, Gate};
use domain::audit::{Changes, Subject};
use domain::change::Change;
use domain::check_in::GateName;
use domain::{Error, GateId, TicketTypeId};
use std::sync::Arc;
use web::{Access, Answer, Json, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PATCH",
    "/api/v1/check-ins/gates/{id}",
    Access::Publisher,
    "update_gate",
    "Change the name of a gate, or whom it lets in",
)
.body::<GatePatch>()
.data::<GateOut>()
.conflicts(&["name_taken"]);

web::input! {
    /// Changes to a gate; absent fields stay.
    pub(crate) struct GatePatch {
        /// What it is called.
        name: Option<GateName>,
        /// The kinds of tickets that it lets in; null for all.
        ticket_ids: Change<Vec<TicketTypeId>>,
    }
}

pub(crate) async fn update_gate(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<GateId>,
    origin: Origin,
    Json(input): Json<GatePatch>,
) -> web::Result<Answer<GateOut>> {
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let before = gates::lock_own(&tx, id, caller.id, caller.is_admin())
        .await?
        .ok_or_else(|| Error::not_found("Gate"))?;
    if let Change::Set(kinds) = &input.ticket_ids {
        check_kinds(&tx, before.event, Some(kinds)).await?;
    }
    let mut gate = Gate {
        name: input
            .name
            .map_or_else(|| before.name.clone(), |name| name.as_str().to_owned()),
        ticket_types: input.ticket_ids.of(before.ticket_types.clone()),
        ..before.clone()
    };
    let changes = Changes::none().moved("gate", &before.name, &gate.name).moved(
        "ticketIds",
        &before.ticket_types,
        &gate.ticket_types,
    );
    if !changes.is_empty() {
        gate.updated_at = now;
        gate = written(gates::update(&tx, gate).await?)?;
        let entry = origin.entry(caller, ROUTE.id, Subject::Event(gate.event), changes, now);
        db::audit::record(&tx, &entry).await?;
    }
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(GateOut::from(gate)).message("Gate updated successfully"))
}

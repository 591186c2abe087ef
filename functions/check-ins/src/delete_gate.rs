use crate::App;
use axum::extract::State;
use db::gates;
use domain::audit::{Changes, Subject};
use domain::{Error, GateId};
use std::sync::Arc;
use web::{Access, Answer, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "DELETE",
    "/api/v1/check-ins/gates/{id}",
    Access::Publisher,
    "delete_gate",
    "Delete a gate at which nothing was scanned and to which nobody is sent",
)
.conflicts(&["in_use"]);

pub(crate) async fn delete_gate(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<GateId>,
    origin: Origin,
) -> web::Result<Answer<()>> {
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let gate = gates::lock_own(&tx, id, caller.id, caller.is_admin())
        .await?
        .ok_or_else(|| Error::not_found("Gate"))?;
    if !gates::delete(&tx, id).await? {
        let message = "Tickets were scanned at this gate, or somebody is sent there";
        return Err(Error::conflict("in_use", message).into());
    }
    let changes = Changes::none().gone("gate", &gate.name);
    let entry = origin.entry(
        caller,
        ROUTE.id,
        Subject::Event(gate.event),
        changes,
        app.clock.now(),
    );
    db::audit::record(&tx, &entry).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(()).message("Gate deleted successfully"))
}

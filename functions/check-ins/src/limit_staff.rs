use crate::App;
use axum::extract::State;
use db::gates;
use domain::audit::{Changes, Subject};
use domain::{Error, EventId, GateId, UserId};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Json, Origin, Paths, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PUT",
    "/api/v1/check-ins/event/{eventId}/staff/{userId}",
    Access::Publisher,
    "limit_staff",
    "Send somebody who checks tickets at an event to one gate, or to all again",
)
.body::<PostIn>()
.data::<PostOut>();

web::input! {
    /// Where somebody checks tickets.
    pub(crate) struct PostIn {
        /// The gate; null or absent for all.
        gate_id: Option<GateId>,
    }
}

/// Where somebody checks tickets.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "StaffGate")]
pub(crate) struct PostOut {
    /// The account.
    user_id: UserId,
    /// The gate; null for all.
    gate_id: Option<GateId>,
}

pub(crate) async fn limit_staff(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Paths(event, user): Paths<EventId, UserId>,
    origin: Origin,
    Json(PostIn { gate_id }): Json<PostIn>,
) -> web::Result<Answer<PostOut>> {
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    db::events::lock_own(&tx, event, caller.id, caller.is_admin())
        .await?
        .ok_or_else(|| Error::not_found("Event"))?;
    let before = gates::send(&tx, event, user, gate_id).await?;
    let before = before.ok_or_else(|| Error::not_found("Staff or gate"))?;
    if before != gate_id {
        let changes = Changes::none()
            .set("staff", user)
            .moved("gateId", &before, &gate_id);
        let entry = origin.entry(caller, ROUTE.id, Subject::Event(event), changes, app.clock.now());
        db::audit::record(&tx, &entry).await?;
    }
    tx.commit().await.map_err(db::DbError::from)?;
    let data = PostOut {
        user_id: user,
        gate_id,
    };
    Ok(Answer::ok(data).message("Staff updated successfully"))
}

use crate::App;
use axum::extract::State;
use domain::{Error, EventId};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Path, Route, Viewer};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/events/{id}/refund-policy",
    Access::Public,
    "get_refund_policy",
    "Read until when buyers may give tickets of an event back",
)
.data::<PolicyOut>();

/// Until when buyers may give tickets back by themselves.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PolicyOut {
    /// Hours before the event begins; null if they may not.
    pub(crate) refund_hours: Option<u32>,
}

pub(crate) async fn get_refund_policy(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<EventId>,
) -> web::Result<Answer<PolicyOut>> {
    let conn = app.db.conn().await?;
    let refund_hours = db::refunds::policy(&conn, id, viewer.id(), viewer.sees_all())
        .await?
        .ok_or_else(|| Error::not_found("Event"))?;
    Ok(Answer::ok(PolicyOut { refund_hours }))
}

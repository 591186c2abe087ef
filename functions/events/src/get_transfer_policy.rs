use crate::App;
use axum::extract::State;
use domain::handover::{HandoverHours, Policy};
use domain::{Error, EventId};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Path, Route, Viewer};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/events/{id}/transfer-policy",
    Access::Public,
    "get_transfer_policy",
    "Read whether and until when tickets of an event may be passed on, and names on them changed",
)
.data::<TransferPolicyOut>();

/// What holders may do with tickets of an event.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TransferPolicy")]
pub(crate) struct TransferPolicyOut {
    /// Whether tickets may be passed on to others.
    transfers_allowed: bool,
    /// Whether the names on tickets may be changed.
    renames_allowed: bool,
    /// Hours before the event begins at which both end.
    hours_before: HandoverHours,
}

impl From<Policy> for TransferPolicyOut {
    fn from(policy: Policy) -> Self {
        Self {
            transfers_allowed: policy.transfers,
            renames_allowed: policy.renames,
            hours_before: policy.hours,
        }
    }
}

pub(crate) async fn get_transfer_policy(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<EventId>,
) -> web::Result<Answer<TransferPolicyOut>> {
    let conn = app.db.conn().await?;
    let policy = db::handovers::policy(&conn, id, viewer.id(), viewer.sees_all())
        .await?
        .ok_or_else(|| Error::not_found("Event"))?;
    Ok(Answer::ok(policy.into()))
}

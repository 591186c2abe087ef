use crate::App;
use crate::get_transfer_policy::TransferPolicyOut;
use axum::extract::State;
use domain::audit::{Changes, Subject};
use domain::handover::{HandoverHours, Policy};
use domain::{Error, EventId};
use std::sync::Arc;
use web::{Access, Answer, Json, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PUT",
    "/api/v1/events/{id}/transfer-policy",
    Access::Publisher,
    "set_transfer_policy",
    "Let holders pass tickets of an event on and change the names on them, or not, and until when",
)
.body::<TransferPolicyIn>()
.data::<TransferPolicyOut>();

web::input! {
    /// What holders may do with tickets of an event.
    pub(crate) struct TransferPolicyIn {
        /// Whether tickets may be passed on to others.
        transfers_allowed: bool,
        /// Whether the names on tickets may be changed.
        renames_allowed: bool,
        /// Hours before the event begins at which both end; when it begins, if null or absent.
        hours_before: Option<HandoverHours>,
    }
}

pub(crate) async fn set_transfer_policy(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<EventId>,
    origin: Origin,
    Json(input): Json<TransferPolicyIn>,
) -> web::Result<Answer<TransferPolicyOut>> {
    let now = app.clock.now();
    let policy = Policy {
        transfers: input.transfers_allowed,
        renames: input.renames_allowed,
        hours: input.hours_before.unwrap_or_default(),
    };
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let before = db::handovers::set_policy(&tx, id, caller.id, caller.is_admin(), policy, now)
        .await?
        .ok_or_else(|| Error::not_found("Event"))?;
    let changes = Changes::none()
        .moved("transfersAllowed", &before.transfers, &policy.transfers)
        .moved("renamesAllowed", &before.renames, &policy.renames)
        .moved("transferHours", &before.hours, &policy.hours);
    let entry = origin.entry(caller, ROUTE.id, Subject::Event(id), changes, now);
    db::audit::record(&tx, &entry).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(policy.into()).message("Transfer policy updated successfully"))
}

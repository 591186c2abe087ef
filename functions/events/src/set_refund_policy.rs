use crate::App;
use crate::get_refund_policy::PolicyOut;
use axum::extract::State;
use domain::audit::{Changes, Subject};
use domain::refund::RefundHours;
use domain::{Error, EventId};
use std::sync::Arc;
use web::{Access, Answer, Json, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PUT",
    "/api/v1/events/{id}/refund-policy",
    Access::Publisher,
    "set_refund_policy",
    "Let buyers give tickets of an event back by themselves, or not",
)
.body::<PolicyIn>()
.data::<PolicyOut>();

web::input! {
    /// Until when buyers may give tickets back by themselves.
    pub(crate) struct PolicyIn {
        /// Hours before the event begins; null or absent if they may not.
        refund_hours: Option<RefundHours>,
    }
}

pub(crate) async fn set_refund_policy(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<EventId>,
    origin: Origin,
    Json(input): Json<PolicyIn>,
) -> web::Result<Answer<PolicyOut>> {
    let now = app.clock.now();
    let refund_hours = input.refund_hours.map(RefundHours::get);
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let is_admin = caller.is_admin();
    let before = db::refunds::set_policy(&tx, id, caller.id, is_admin, refund_hours, now)
        .await?
        .ok_or_else(|| Error::not_found("Event"))?;
    let changes = Changes::none().moved("refundHours", &before, &refund_hours);
    let entry = origin.entry(caller, ROUTE.id, Subject::Event(id), changes, now);
    db::audit::record(&tx, &entry).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(PolicyOut { refund_hours }).message("Refund policy updated successfully"))
}

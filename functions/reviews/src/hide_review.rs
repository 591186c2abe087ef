use crate::App;
use crate::out::{ReviewOut, show_one};
use axum::extract::State;
use domain::audit::{Changes, Subject};
use domain::notice::Notice;
use domain::review::{HideReason, ReviewStatus};
use domain::{Error, ReviewId};
use std::sync::Arc;
use web::{Access, Answer, Json, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/reviews/{id}/hide",
    Access::Publisher,
    "hide_review",
    "Take a review away and tell its author why",
)
.body::<HideIn>()
.data::<ReviewOut>();

web::input! {
    /// Why a review is taken away.
    pub(crate) struct HideIn {
        /// What its author is told.
        reason: HideReason,
    }
}

pub(crate) async fn hide_review(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<ReviewId>,
    origin: Origin,
    Json(input): Json<HideIn>,
) -> web::Result<Answer<ReviewOut>> {
    let (now, missing) = (app.clock.now(), || Error::not_found("Review"));
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let before = db::reviews::lock_to_moderate(&tx, id, caller.id, caller.is_admin())
        .await?
        .ok_or_else(missing)?;
    db::reviews::hide(&tx, &before, &input.reason).await?;
    let reason = input.reason.as_str();
    let notice = Notice::ReviewHidden {
        ticket: before.ticket_name.clone(),
        reason: reason.to_owned(),
    };
    db::notifications::tell(&tx, before.author, &notice, &format!("{id} {now}"), now).await?;
    let changes = Changes::none()
        .moved("status", &before.status, &ReviewStatus::Hidden)
        .set("reason", reason);
    let subject = Subject::Review(id, before.event);
    db::audit::record(&tx, &origin.entry(caller, ROUTE.id, subject, changes, now)).await?;
    let review = db::reviews::find(tx.client(), id, Some(caller.id), caller.is_admin()).await?;
    let data = show_one(tx.client(), review.ok_or_else(missing)?, now).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(data).message("Review hidden successfully"))
}

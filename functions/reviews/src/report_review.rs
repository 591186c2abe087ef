use crate::App;
use axum::extract::State;
use domain::audit::{Changes, Subject};
use domain::review::ReportReason;
use domain::{Error, ReviewId};
use std::sync::Arc;
use web::{Access, Answer, Caller, Json, Origin, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/reviews/{id}/reports",
    Access::User,
    "report_review",
    "Tell the moderators that a review should not be shown; saying it twice changes nothing",
)
.body::<ReportIn>()
.conflicts(&["own_review"]);

web::input! {
    /// What is wrong with a review.
    pub(crate) struct ReportIn {
        /// Why it should not be shown.
        reason: ReportReason,
    }
}

pub(crate) async fn report_review(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<ReviewId>,
    origin: Origin,
    Json(input): Json<ReportIn>,
) -> web::Result<Answer<()>> {
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let review = db::reviews::lock_shown(&tx, id)
        .await?
        .ok_or_else(|| Error::not_found("Review"))?;
    if review.author == caller.id {
        let message = "This review is yours: you can change or delete it";
        return Err(Error::conflict("own_review", message).into());
    }
    if db::reviews::report(&tx, &review, caller.id, &input.reason, now).await? {
        let subject = Subject::Review(id, review.event);
        let entry = origin.entry(caller, ROUTE.id, subject, Changes::none(), now);
        db::audit::record(&tx, &entry).await?;
    }
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(()).message("Review reported successfully"))
}

use crate::App;
use axum::extract::State;
use domain::audit::{Changes, Subject};
use domain::{Error, ReviewId};
use std::sync::Arc;
use web::{Access, Answer, Caller, Origin, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "DELETE",
    "/api/v1/reviews/{id}",
    Access::User,
    "delete_review",
    "Delete a review of the caller",
);

pub(crate) async fn delete_review(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<ReviewId>,
    origin: Origin,
) -> web::Result<Answer<()>> {
    let missing = || Error::not_found("Review");
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    db::reviews::lock_author(&tx, caller.id)
        .await?
        .ok_or_else(missing)?;
    let review = db::reviews::lock_own(&tx, id, caller.id)
        .await?
        .ok_or_else(missing)?;
    db::reviews::delete(&tx, &review).await?;
    let subject = Subject::Review(id, review.event);
    let entry = origin.entry(caller, ROUTE.id, subject, Changes::none(), app.clock.now());
    db::audit::record(&tx, &entry).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(()).message("Review deleted successfully"))
}

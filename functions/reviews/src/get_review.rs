use crate::App;
use crate::out::{ReviewOut, show_one};
use axum::extract::State;
use domain::{Error, ReviewId};
use std::sync::Arc;
use web::{Access, Answer, Path, Route, Viewer};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/reviews/{id}",
    Access::Public,
    "get_review",
    "Read a review; what is not shown is seen by its author, the organizer and admins",
)
.data::<ReviewOut>();

pub(crate) async fn get_review(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<ReviewId>,
) -> web::Result<Answer<ReviewOut>> {
    let conn = app.db.conn().await?;
    let review = db::reviews::find(&conn, id, viewer.id(), viewer.sees_all()).await?;
    let review = review.ok_or_else(|| Error::not_found("Review"))?;
    Ok(Answer::ok(show_one(&conn, review, app.clock.now()).await?))
}

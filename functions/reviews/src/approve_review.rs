use crate::App;
use crate::out::{ReviewOut, show_one};
use axum::extract::State;
use domain::audit::{Changes, Subject};
use domain::notice::Notice;
use domain::review::ReviewStatus;
use domain::{Error, ReviewId};
use std::sync::Arc;
use web::{Access, Answer, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/reviews/{id}/approve",
    Access::Publisher,
    "approve_review",
    "Show a review, whatever held it back or was reported of it",
)
.data::<ReviewOut>();

pub(crate) async fn approve_review(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<ReviewId>,
    origin: Origin,
) -> web::Result<Answer<ReviewOut>> {
    let (now, missing) = (app.clock.now(), || Error::not_found("Review"));
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let before = db::reviews::lock_to_moderate(&tx, id, caller.id, caller.is_admin())
        .await?
        .ok_or_else(missing)?;
    db::reviews::approve(&tx, &before).await?;
    if before.status != ReviewStatus::Shown {
        let notice = Notice::ReviewShown {
            ticket: before.ticket_name.clone(),
        };
        db::notifications::tell(&tx, before.author, &notice, &format!("{id} {now}"), now).await?;
    }
    let changes = Changes::none().moved("status", &before.status, &ReviewStatus::Shown);
    let subject = Subject::Review(id, before.event);
    db::audit::record(&tx, &origin.entry(caller, ROUTE.id, subject, changes, now)).await?;
    let review = db::reviews::find(tx.client(), id, Some(caller.id), caller.is_admin()).await?;
    let data = show_one(tx.client(), review.ok_or_else(missing)?, now).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(data).message("Review approved successfully"))
}

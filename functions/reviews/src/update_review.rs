use crate::App;
use crate::out::{ReviewOut, show_one};
use axum::extract::State;
use db::reviews::Wish;
use domain::audit::{Changes, Subject};
use domain::notice::Notice;
use domain::review::{Comment, Rating, after_change};
use domain::{Error, ReviewId};
use std::sync::Arc;
use web::{Access, Answer, Caller, Json, Origin, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PATCH",
    "/api/v1/reviews/{id}",
    Access::User,
    "update_review",
    "Change a review of the caller; what it says is judged anew",
)
.body::<ReviewPatch>()
.data::<ReviewOut>();

web::input! {
    /// Changes to a review; absent fields stay.
    pub(crate) struct ReviewPatch {
        /// Stars.
        rating: Option<Rating>,
        /// What there is to say.
        comment: Option<Comment>,
    }
}

pub(crate) async fn update_review(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<ReviewId>,
    origin: Origin,
    Json(input): Json<ReviewPatch>,
) -> web::Result<Answer<ReviewOut>> {
    let (now, missing) = (app.clock.now(), || Error::not_found("Review"));
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    db::reviews::lock_author(&tx, caller.id)
        .await?
        .ok_or_else(missing)?;
    let before = db::reviews::lock_own(&tx, id, caller.id)
        .await?
        .ok_or_else(missing)?;
    let said = input.comment.filter(|comment| comment.as_str() != before.comment);
    let rating = input.rating.unwrap_or(before.rating);
    if said.is_some() || rating != before.rating {
        // Stars alone change nothing about where it stands.
        let (status, hold) = match &said {
            Some(comment) => after_change(before.status, comment),
            None => (before.status, None),
        };
        let reason = match &said {
            Some(_) => hold.map(|hold| hold.to_string()),
            None => before.reason.clone(),
        };
        let wish = Wish {
            rating,
            comment: said.as_ref().map_or(&before.comment, |comment| comment.as_str()),
            status,
            reason,
        };
        db::reviews::update(&tx, &before, &wish, now).await?;
        if let Some(hold) = hold {
            let ticket = before.ticket_name.clone();
            let notice = Notice::ReviewHeld { ticket, hold };
            db::notifications::tell(&tx, caller.id, &notice, &format!("{id} {now}"), now).await?;
        }
        let mut changes =
            Changes::none()
                .moved("rating", &before.rating, &rating)
                .moved("status", &before.status, &status);
        if said.is_some() {
            changes = changes.set("comment", "changed");
        }
        let subject = Subject::Review(id, before.event);
        db::audit::record(&tx, &origin.entry(caller, ROUTE.id, subject, changes, now)).await?;
    }
    let review = db::reviews::find(tx.client(), id, Some(caller.id), false).await?;
    let data = show_one(tx.client(), review.ok_or_else(missing)?, now).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(data).message("Review updated successfully"))
}

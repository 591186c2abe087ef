use crate::App;
use crate::out::{ReviewOut, show_one};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use db::reviews::{Wish, Written};
use domain::audit::{Changes, Subject};
use domain::notice::Notice;
use domain::review::{Comment, Rating, ReviewStatus, judge};
use domain::{Error, TicketTypeId};
use std::sync::Arc;
use web::{Access, Answer, Caller, Keyed, Origin, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/reviews",
    Access::User,
    "create_review",
    "Review a ticket type; what holds a link or a blocked word waits for a moderator",
)
.status(201)
.body::<ReviewIn>()
.data::<ReviewOut>()
.idempotent()
.conflicts(&["already_reviewed", "account_required"]);

web::input! {
    /// A new review.
    pub(crate) struct ReviewIn {
        /// Stars.
        rating: Rating,
        /// What there is to say.
        comment: Comment,
        /// About which ticket type.
        ticket_id: TicketTypeId,
    }
}

pub(crate) async fn create_review(
    State(app): State<Arc<App>>,
    caller: Caller,
    origin: Origin,
    mut request: Keyed<ReviewIn>,
) -> web::Result<Response> {
    let now = app.clock.now();
    let once = request.take_once(ROUTE.id, caller.id);
    let ReviewIn {
        rating,
        comment,
        ticket_id,
    } = request.body;
    let no_ticket = || Error::not_found("Ticket");
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    if let Some(stored) = db::idempotency::claim(&tx, once.as_ref(), now).await? {
        return Ok(web::answer::stored(stored));
    }
    let author = db::reviews::lock_author(&tx, caller.id)
        .await?
        .ok_or_else(|| Error::unauthenticated("Invalid token"))?;
    if author.is_guest {
        let message = "Reviews need an account, please register first";
        return Err(Error::conflict("account_required", message).into());
    }
    let ticket = db::ticket_types::find(tx.client(), ticket_id, Some(caller.id), caller.is_admin())
        .await?
        .ok_or_else(no_ticket)?;
    let hold = judge(&comment);
    let wish = Wish {
        rating,
        comment: comment.as_str(),
        status: hold.map_or(ReviewStatus::Shown, |_| ReviewStatus::Held),
        reason: hold.map(|hold| hold.to_string()),
    };
    let id = match db::reviews::insert(&tx, caller.id, ticket_id, &wish, now).await? {
        Written::Review(id) => id,
        Written::Twice => {
            let message = "You have already reviewed this ticket";
            return Err(Error::conflict("already_reviewed", message).into());
        }
        Written::NoTicket => return Err(no_ticket().into()),
    };
    let (name, event) = (&ticket.ticket.name, &ticket.event);
    let (told, notice) = match hold {
        Some(hold) => {
            let ticket = name.clone();
            (caller.id, Notice::ReviewHeld { ticket, hold })
        }
        None => (
            event.organizer_id,
            Notice::review_received(name, &event.name, rating),
        ),
    };
    db::notifications::tell(&tx, told, &notice, &format!("{id} {now}"), now).await?;
    // What it says is its author's; the audit log keeps where it stands.
    let changes = Changes::none().set("rating", rating).set("status", wish.status);
    let subject = Subject::Review(id, ticket.event.id);
    db::audit::record(&tx, &origin.entry(caller, ROUTE.id, subject, changes, now)).await?;
    let review = db::reviews::find(tx.client(), id, Some(caller.id), false).await?;
    let review = review.ok_or_else(no_ticket)?;
    let data = show_one(tx.client(), review, now).await?;
    let answer = Answer::created("Review created successfully", data);
    db::idempotency::store(tx.client(), once.as_ref(), &answer.to_stored()).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(answer.into_response())
}

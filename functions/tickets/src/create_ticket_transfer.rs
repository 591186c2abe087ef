use crate::App;
use crate::issued::Code;
use crate::transfer_out::TransferOut;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use db::handovers;
use domain::handover::{COUNTED_SECONDS, MOST_OFFERS, MOST_TO_ADDRESS};
use domain::message::{Mail, Outgoing};
use domain::user::Email;
use domain::{Error, Kind, Timestamp, UserId};
use std::sync::Arc;
use web::{Access, Answer, Caller, Keyed, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/tickets/mine/{code}/transfers",
    Access::User,
    "create_ticket_transfer",
    "Offer a ticket to whoever has a mail address, with or without an account. It stays the caller's, and good, until that person \
     accepts it",
)
.status(201)
.body::<TicketOfferIn>()
.data::<TransferOut>()
.idempotent()
.conflicts(&[
    "ticket_void", "ticket_used", "event_cancelled", "transfers_forbidden", "transfers_closed", "transfer_open",
    "request_in_flight",
]);

web::input! {
    /// To whom a ticket goes.
    pub(crate) struct TicketOfferIn {
        /// Their mail address; who accepts has to have an account that has proved it.
        email: Email,
    }
}

pub(crate) async fn create_ticket_transfer(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(code): Path<Code>,
    mut request: Keyed<TicketOfferIn>,
) -> web::Result<Response> {
    let now = app.clock.now();
    let once = request.take_once(ROUTE.id, caller.id);
    let email = request.body.email;
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    if let Some(stored) = db::idempotency::claim(&tx, once.as_ref(), now).await? {
        return Ok(web::answer::stored(stored));
    }
    let missing = || Error::not_found("Ticket");
    // Offers of one account are counted one after the other.
    db::users::lock_buyer(&tx, caller.id).await?.ok_or_else(missing)?;
    check_address(&tx, caller.id, &email, now).await?;
    let ticket = handovers::lock_own(&tx, code.as_str(), caller.id).await?;
    let ticket = ticket.ok_or_else(missing)?;
    let offered = handovers::is_offered(&tx, ticket.id, now).await?;
    let expires = ticket.rules.offer(ticket.state, offered, now)?;
    let token = runtime::random::hex::<32>();
    let hash = runtime::random::sha256(&token);
    let handover = handovers::insert(&tx, &ticket, &email, &hash, expires, now).await?;
    let mail = Mail::TicketOffered {
        to: email.as_str().to_owned(),
        handover,
        token,
    };
    let message = Outgoing::mail(runtime::random::hex::<16>(), mail)?;
    db::outbox::insert(&tx, &message, now).await?;
    let made = handovers::find(tx.client(), handover).await?;
    let made = made.ok_or_else(|| Error::internal("an offer that is not there"))?;
    let answer = Answer::created("Ticket offered successfully", TransferOut::sent(made, now));
    db::idempotency::store(tx.client(), once.as_ref(), &answer.to_stored()).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(answer.into_response())
}

/// Refuses an address that is the caller's own, or got too many offers, and callers who made too many.
async fn check_address(
    tx: &db::Transaction<'_>,
    caller: UserId,
    email: &Email,
    now: Timestamp,
) -> domain::Result<()> {
    let own = handovers::proved_address(tx, caller).await?;
    if own.is_some_and(|own| own.to_lowercase() == email.as_str().to_lowercase()) {
        let message = "\"email\" must be somebody else's address";
        return Err(Error::invalid_field("email", message));
    }
    let since = now.plus_seconds(-COUNTED_SECONDS);
    let most = MOST_OFFERS.max(MOST_TO_ADDRESS);
    let (by_account, to_address) = handovers::made_since(tx, caller, email, since, most).await?;
    if by_account >= MOST_OFFERS || to_address >= MOST_TO_ADDRESS {
        let message = "Too many tickets were offered. Please try again tomorrow.";
        let seconds = u32::try_from(COUNTED_SECONDS).unwrap_or(u32::MAX);
        return Err(Error::new(Kind::RateLimited, "rate_limited", message).retry_after(seconds));
    }
    Ok(())
}

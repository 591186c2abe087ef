use crate::App;
use crate::issued::IssuedTicketOut;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use db::handovers;
use domain::audit::{Changes, Subject};
use domain::message::{Mail, Outgoing};
use domain::notice::Notice;
use domain::user::PersonName;
use domain::{Error, HandoverId};
use std::sync::Arc;
use web::{Access, Answer, Caller, Keyed, Origin, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/tickets/transfers/{id}/accept",
    Access::User,
    "accept_ticket_transfer",
    "Take a ticket that was offered to the caller's mail address. It gets the caller's name and a new code; the old one lets nobody \
     in from that moment on",
)
.body::<AcceptTicketIn>()
.data::<IssuedTicketOut>()
.idempotent()
.conflicts(&[
    "transfer_over", "ticket_void", "ticket_used", "event_cancelled", "transfers_forbidden", "transfers_closed",
    "request_in_flight",
]);

web::input! {
    /// Who comes with the ticket.
    pub(crate) struct AcceptTicketIn {
        /// The name on it; that of the account, if absent.
        name: Option<PersonName>,
    }
}

pub(crate) async fn accept_ticket_transfer(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<HandoverId>,
    origin: Origin,
    mut request: Keyed<AcceptTicketIn>,
) -> web::Result<Response> {
    let (now, missing) = (app.clock.now(), || Error::not_found("Transfer"));
    let once = request.take_once(ROUTE.id, caller.id);
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    if let Some(stored) = db::idempotency::claim(&tx, once.as_ref(), now).await? {
        return Ok(web::answer::stored(stored));
    }
    let offer = handovers::received(tx.client(), id, caller.id).await?;
    let offer = offer.ok_or_else(missing)?;
    // Neither of both leaves meanwhile.
    let accounts = handovers::lock_accounts(&tx, &[caller.id, offer.from]).await?;
    if !accounts.contains(&caller.id) {
        return Err(missing().into());
    }
    // Whoever holds the lock of the ticket decides; a withdrawal, a scan or a refund comes before or after.
    let ticket = handovers::lock_ticket(&tx, offer.ticket).await?;
    let (status, expires) = handovers::lock(&tx, id).await?;
    ticket.rules.accept(ticket.state, status, expires, now)?;
    let name = match request.body.name {
        Some(name) => name,
        None => own_name(&tx, caller).await?,
    };
    let code = runtime::random::hex::<16>();
    handovers::accept(&tx, &ticket, id, caller.id, &name, &code, now).await?;
    let (kind, event) = (ticket.kind_name, ticket.event_name);
    let passed_on = Notice::TicketPassedOn {
        ticket: kind.clone(),
        event: event.clone(),
    };
    let received = Notice::TicketReceived { ticket: kind, event };
    db::notifications::tell(&tx, offer.from, &passed_on, &id.to_string(), now).await?;
    db::notifications::tell(&tx, caller.id, &received, &id.to_string(), now).await?;
    let mail = Mail::TicketReceived { handover: id };
    let message = Outgoing::mail(runtime::random::hex::<16>(), mail)?;
    db::outbox::insert(&tx, &message, now).await?;
    let changes = Changes::none()
        .set("ticket", ticket.id)
        .moved("holder", &offer.from, &caller.id);
    let entry = origin.entry(caller, ROUTE.id, Subject::Event(ticket.event), changes, now);
    db::audit::record(&tx, &entry).await?;
    let taken = db::issued::find_own(tx.client(), &code, caller.id).await?;
    let taken = taken.ok_or_else(|| Error::internal("a ticket that was accepted is not there"))?;
    let answer = Answer::ok(IssuedTicketOut::new(taken, &app)?).message("Ticket accepted successfully");
    db::idempotency::store(tx.client(), once.as_ref(), &answer.to_stored()).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(answer.into_response())
}

async fn own_name(tx: &db::Transaction<'_>, caller: Caller) -> domain::Result<PersonName> {
    let account = db::users::find_live(tx.client(), caller.id).await?;
    account
        .and_then(|account| PersonName::parse(&account.name).ok())
        .ok_or_else(|| Error::internal("an account without a name"))
}

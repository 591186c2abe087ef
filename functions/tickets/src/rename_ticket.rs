use crate::App;
use crate::issued::{Code, IssuedTicketOut};
use axum::extract::State;
use db::handovers;
use domain::audit::{Changes, Subject};
use domain::handover::{COUNTED_SECONDS, MOST_CODES};
use domain::message::{Mail, Outgoing};
use domain::user::PersonName;
use domain::{Error, Kind};
use std::sync::Arc;
use web::{Access, Answer, Caller, Json, Origin, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PUT",
    "/api/v1/tickets/mine/{code}/name",
    Access::User,
    "rename_ticket",
    "Put another name on a ticket. It gets a new code with it; the old one lets nobody in from that moment on",
)
.body::<TicketNameIn>()
.data::<IssuedTicketOut>()
.conflicts(&["ticket_void", "ticket_used", "event_cancelled", "renames_forbidden", "transfers_closed"]);

web::input! {
    /// Who comes with a ticket.
    pub(crate) struct TicketNameIn {
        /// The name on it.
        name: PersonName,
    }
}

pub(crate) async fn rename_ticket(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(code): Path<Code>,
    origin: Origin,
    Json(input): Json<TicketNameIn>,
) -> web::Result<Answer<IssuedTicketOut>> {
    let (now, missing) = (app.clock.now(), || Error::not_found("Ticket"));
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let accounts = handovers::lock_accounts(&tx, &[caller.id]).await?;
    let ticket = handovers::lock_own(&tx, code.as_str(), caller.id).await?;
    let ticket = ticket.filter(|_| !accounts.is_empty()).ok_or_else(missing)?;
    ticket.rules.rename(ticket.state, now)?;
    let mut new_code = ticket.code.clone();
    // Whoever asks again for the name that is there keeps the code.
    if ticket.holder_name != input.name.as_str() {
        let since = now.plus_seconds(-COUNTED_SECONDS);
        if handovers::codes_since(&tx, ticket.id, since).await? >= MOST_CODES {
            let message = "The name on this ticket was changed too often. Please try again tomorrow.";
            let seconds = u32::try_from(COUNTED_SECONDS).unwrap_or(u32::MAX);
            let error = Error::new(Kind::RateLimited, "rate_limited", message);
            return Err(error.retry_after(seconds).into());
        }
        new_code = runtime::random::hex::<16>();
        handovers::rename(&tx, &ticket, &input.name, &new_code, now).await?;
        let mail = Mail::TicketRenamed {
            ticket: ticket.id,
            holder: caller.id,
        };
        let message = Outgoing::mail(runtime::random::hex::<16>(), mail)?;
        db::outbox::insert(&tx, &message, now).await?;
        let changes = Changes::none().set("ticket", ticket.id);
        let entry = origin.entry(caller, ROUTE.id, Subject::Event(ticket.event), changes, now);
        db::audit::record(&tx, &entry).await?;
    }
    let renamed = db::issued::find_own(tx.client(), &new_code, caller.id).await?;
    let renamed = renamed.ok_or_else(|| Error::internal("a ticket that was renamed is not there"))?;
    tx.commit().await.map_err(db::DbError::from)?;
    let data = IssuedTicketOut::new(renamed, &app)?;
    Ok(Answer::ok(data).message("Ticket renamed successfully"))
}

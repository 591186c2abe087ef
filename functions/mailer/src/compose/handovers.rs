//! Mails about tickets that go from one person to another.

use super::tickets::{events_of, with_codes};
use super::{Composed, Content, address, language};
use crate::App;
use crate::letter::Letter;
use crate::letters::{self, NewCode, Ticket, TicketOffered, TicketVoid};
use db::issued::IssuedTicket;
use db::users::User;
use domain::event::EventStatus;
use domain::handover::HandoverStatus;
use domain::{Error, HandoverId, IssuedTicketId, UserId};

pub(super) async fn ticket_offered(
    app: &App,
    id: &str,
    to: &str,
    handover: HandoverId,
    token: &str,
) -> Result<Composed, Error> {
    let (offer, language) = {
        let conn = app.db.conn().await?;
        let offer = db::handovers::find(&conn, handover).await?;
        (offer, language(app, &conn, to).await?)
    };
    let offer = offer.ok_or_else(|| Error::not_found("Transfer"))?;
    if offer.status.at(offer.expires_at, app.clock.now()) != HandoverStatus::Open {
        return Ok(Composed::Overtaken("the ticket is not offered any more"));
    }
    let letter = letters::ticket_offered(
        language,
        TicketOffered {
            sender: &offer.from_name,
            kind: &offer.kind_name,
            event: &offer.event_name,
            date: offer.event_date,
            zone: &offer.event_time_zone,
            location: &offer.event_location,
            until: offer.expires_at,
            link: format!("{}/tickets/transfers/{token}", app.frontend_url),
        },
    );
    // What they are called is not known.
    address(app, id, to, to, letter.into())
}

pub(super) async fn ticket_received(app: &App, id: &str, handover: HandoverId) -> Result<Composed, Error> {
    let (ticket, holder) = {
        let conn = app.db.conn().await?;
        let offer = db::handovers::find(&conn, handover).await?;
        let offer = offer.ok_or_else(|| Error::not_found("Transfer"))?;
        let holder = db::handovers::recipient(&conn, handover).await?;
        let holder = holder.ok_or_else(|| Error::internal("nobody accepted the ticket"))?;
        (offer.ticket, holder)
    };
    new_code(app, id, ticket, holder, letters::ticket_received).await
}

pub(super) async fn ticket_renamed(
    app: &App,
    id: &str,
    ticket: IssuedTicketId,
    holder: UserId,
) -> Result<Composed, Error> {
    new_code(app, id, ticket, holder, letters::ticket_renamed).await
}

/// Gives a ticket as it is by now to its holder.
async fn new_code(
    app: &App,
    id: &str,
    ticket: IssuedTicketId,
    holder: UserId,
    letter: impl FnOnce(crate::Language, NewCode<'_>) -> Letter,
) -> Result<Composed, Error> {
    let (ticket, holder, language, events) = {
        let conn = app.db.conn().await?;
        let (ticket, holder) = ticket_and(&conn, ticket, holder).await?;
        let language = language(app, &conn, &holder.email).await?;
        let events = events_of(&conn, std::slice::from_ref(&ticket)).await?;
        (ticket, holder, language, events)
    };
    if ticket.status == "void" || ticket.holder_id != holder.id {
        return Ok(Composed::Overtaken("the ticket is void or somebody else's"));
    }
    let handed = with_codes(app, language, &[&ticket], &events)?;
    let shown: Option<Ticket<'_>> = handed.shown.into_iter().next();
    let new = NewCode {
        name: &holder.name,
        ticket: shown.ok_or_else(|| Error::internal("a ticket without a picture"))?,
        link: format!("{}/tickets", app.frontend_url),
    };
    let content = Content {
        pictures: handed.pictures,
        attachments: handed.attachments,
        ..letter(language, new).into()
    };
    address(app, id, &holder.email, &holder.name, content)
}

pub(super) async fn ticket_void(
    app: &App,
    id: &str,
    ticket: IssuedTicketId,
    holder: UserId,
) -> Result<Composed, Error> {
    let (ticket, holder, language) = {
        let conn = app.db.conn().await?;
        let (ticket, holder) = ticket_and(&conn, ticket, holder).await?;
        let language = language(app, &conn, &holder.email).await?;
        (ticket, holder, language)
    };
    if ticket.status != "void" {
        return Ok(Composed::Overtaken("the ticket is good"));
    }
    let letter = letters::ticket_void(
        language,
        TicketVoid {
            name: &holder.name,
            kind: &ticket.ticket_name,
            event: &ticket.event_name,
            date: ticket.event_date,
            zone: &ticket.event_time_zone,
            location: &ticket.event_location,
            cancelled: ticket.event_status == EventStatus::Cancelled,
            link: format!("{}/tickets", app.frontend_url),
        },
    );
    address(app, id, &holder.email, &holder.name, letter.into())
}

async fn ticket_and(
    conn: &db::Client,
    ticket: IssuedTicketId,
    holder: UserId,
) -> Result<(IssuedTicket, User), Error> {
    let ticket = db::issued::find(conn, ticket).await?;
    let ticket = ticket.ok_or_else(|| Error::not_found("Ticket"))?;
    let holder = db::users::find(conn, holder).await?;
    Ok((ticket, holder.ok_or_else(|| Error::not_found("User"))?))
}

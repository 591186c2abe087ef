//! Tickets, as mails hand them over.

use super::orders::{link, order_and_buyer};
use super::{Composed, Content, address};
use crate::letters::{self, MOST_TICKETS, Ticket, Tickets};
use crate::{App, Language};
use db::events::Event;
use db::issued::IssuedTicket;
use domain::calendar::{self, Entry};
use domain::event::EventStatus;
use domain::{Error, OrderId};
use mail::{Attachment, Picture};
use ticketing::pdf::Page;
use ticketing::{Claims, TicketCode, qr};

pub(super) async fn tickets(app: &App, id: &str, order: OrderId) -> Result<Composed, Error> {
    let (order, user, language, issued, events) = {
        let conn = app.db.conn().await?;
        let (order, user, language) = order_and_buyer(app, &conn, order).await?;
        let issued = db::issued::of_order(&conn, order.id).await?;
        let events = events_of(&conn, &issued).await?;
        (order, user, language, issued, events)
    };
    if issued.is_empty() {
        return Err(Error::internal("the order has no issued tickets"));
    }
    // What somebody else has by now is not shown to the buyer.
    let valid: Vec<&IssuedTicket> = issued
        .iter()
        .filter(|ticket| ticket.status != "void" && ticket.holder_id == order.user_id)
        .collect();
    if valid.is_empty() {
        return Ok(Composed::Overtaken("the tickets are void or were passed on"));
    }
    let handed = with_codes(app, language, &valid, &events)?;
    let letter = letters::tickets(
        language,
        Tickets {
            name: &user.name,
            code: &order.code,
            tickets: handed.shown,
            total: valid.len(),
            link: link(app, &order),
        },
    );
    let content = Content {
        pictures: handed.pictures,
        attachments: handed.attachments,
        ..letter.into()
    };
    address(app, id, &user.email, &user.name, content)
}

/// Tickets as a mail hands them over.
pub(super) struct Handed<'a> {
    pub shown: Vec<Ticket<'a>>,
    pub pictures: Vec<Picture>,
    pub attachments: Vec<Attachment>,
}

/// Tickets with the pictures of their codes, and as files: to print, and their events for a calendar.
pub(super) fn with_codes<'a>(
    app: &App,
    language: Language,
    tickets: &[&'a IssuedTicket],
    events: &[Event],
) -> Result<Handed<'a>, Error> {
    let mut pictures = Vec::new();
    let mut attachments = Vec::new();
    let mut shown = Vec::new();
    for (ticket, number) in tickets.iter().take(MOST_TICKETS).zip(1..) {
        let png = qr::png(&token(app, ticket)?).map_err(Error::internal)?;
        let cid = format!("ticket-{number}.{}@gigglefest", ticket.order_code);
        let file_name = format!("ticket-{number}.png");
        pictures.push(Picture {
            cid: cid.clone(),
            media_type: "image/png",
            bytes: png.clone(),
        });
        attachments.push(Attachment {
            file_name: file_name.clone(),
            media_type: "image/png",
            bytes: png,
        });
        shown.push(Ticket {
            event: &ticket.event_name,
            date: ticket.event_date,
            zone: &ticket.event_time_zone,
            location: &ticket.event_location,
            kind: &ticket.ticket_name,
            seat: ticket.seat.as_ref(),
            holder: &ticket.holder_name,
            code: &ticket.code,
            cid,
            file_name,
        });
    }
    attachments.push(printed(app, language, tickets)?);
    attachments.extend(events.iter().map(|event| calendar_file(app, event)));
    Ok(Handed {
        shown,
        pictures,
        attachments,
    })
}

/// Tickets on paper: those of the mail, in one file.
fn printed(app: &App, language: Language, tickets: &[&IssuedTicket]) -> Result<Attachment, Error> {
    let tickets: Vec<_> = tickets.iter().take(MOST_TICKETS).collect();
    let tokens = tickets
        .iter()
        .map(|ticket| token(app, ticket))
        .collect::<Result<Vec<_>, _>>()?;
    let seats: Vec<_> = tickets
        .iter()
        .map(|ticket| ticket.seat.as_ref().map(|seat| seat.words(language)))
        .collect();
    let pages = tickets.iter().zip(&tokens).zip(&seats);
    let pages = pages.map(|((ticket, token), seat)| Page {
        event: &ticket.event_name,
        date: ticket.event_date,
        zone: &ticket.event_time_zone,
        location: &ticket.event_location,
        kind: &ticket.ticket_name,
        seat: seat.as_deref(),
        holder: &ticket.holder_name,
        code: &ticket.code,
        order: &ticket.order_code,
        token,
    });
    let pages: Vec<_> = pages.collect();
    Ok(Attachment {
        file_name: "tickets.pdf".to_owned(),
        media_type: "application/pdf",
        bytes: ticketing::pdf::render(language, &pages).map_err(Error::internal)?,
    })
}

/// The events of tickets that are not void, in the order of the tickets.
pub(super) async fn events_of(conn: &db::Client, issued: &[IssuedTicket]) -> Result<Vec<Event>, Error> {
    let mut events: Vec<Event> = Vec::new();
    for ticket in issued.iter().filter(|ticket| ticket.status != "void") {
        if events.iter().all(|event| event.id != ticket.event_id) {
            events.extend(db::events::find(conn, ticket.event_id, None, true).await?);
        }
    }
    Ok(events)
}

/// An event for a calendar. It has the identity that the API gives it, so that calendars replace what they know of it.
pub(super) fn calendar_file(app: &App, event: &Event) -> Attachment {
    let id = event.id;
    let file = calendar::file(&Entry {
        uid: &format!("event-{id}@gigglefest"),
        changed: event.updated_at,
        begins: event.date,
        ends: event.ends_at,
        title: &event.name,
        description: "",
        location: &event.location,
        url: &format!("{}/events/{id}", app.frontend_url),
        cancelled: event.status == EventStatus::Cancelled,
    });
    Attachment {
        file_name: format!("event-{id}.ics"),
        media_type: "text/calendar",
        bytes: file.into_bytes(),
    }
}

/// The signed text of a ticket's QR code.
fn token(app: &App, ticket: &IssuedTicket) -> Result<String, Error> {
    let code = TicketCode::parse(&ticket.code)
        .ok_or_else(|| Error::internal("a stored ticket code is not 32 hexadecimal digits"))?;
    Ok(app.keys.sign(&Claims {
        code,
        event: ticket.event_id,
        ticket_type: ticket.ticket_type_id,
        issued_at: ticket.issued_at,
    }))
}

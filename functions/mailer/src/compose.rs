//! From a message to a finished mail: loads what the mail is about and checks that it is still true.

mod handovers;

use crate::letter::Letter;
use crate::letters::{
    self, Alerts, Bill, EventCancelled, EventChanged, EventReminder, Line, MOST_TICKETS, OrderPlaced,
    Payment, Progress, Promoted, Promotion, RefundDue, Ticket, Tickets, TicketsOffered, TransferDue,
    TransferEnded, WebhookDisabled,
};
use crate::{App, Language, is_web_link};
use db::announcements::{Announcement, Occasion};
use db::events::Event;
use db::issued::IssuedTicket;
use db::mailing_recipients::Turn;
use db::orders::{Order, OrderItem};
use db::users::User;
use domain::calendar::{self, Entry};
use domain::event::EventStatus;
use domain::message::{Envelope, Mail};
use domain::order::{OrderStatus, check_payable};
use domain::refund::RefundStatus;
use domain::user::Email;
use domain::waiting_list::EntryStatus;
use domain::webhook::WhyDisabled;
use domain::{
    AnnouncementId, Error, EventId, MailingId, OrderId, RefundId, Rupiah, UserId, WaitingEntryId, WebhookId,
};
use mail::{Attachment, Mailbox, OutgoingMail, Picture};
use ticketing::pdf::Page;
use ticketing::{Claims, TicketCode, qr};

/// What became of a message.
pub(crate) enum Composed {
    /// A mail to send.
    Mail(Box<OutgoingMail>),
    /// There is nothing to say any more, and why. Such messages come late, e.g. out of the dead-letter queue.
    Overtaken(&'static str),
    /// It is not its turn: whoever lets it go on announces it again.
    Later,
}

/// A letter with its pictures, still without an address.
struct Content {
    letter: Letter,
    pictures: Vec<Picture>,
    attachments: Vec<Attachment>,
    unsubscribe: Option<String>,
}

impl From<Letter> for Content {
    fn from(letter: Letter) -> Self {
        Self {
            letter,
            pictures: Vec::new(),
            attachments: Vec::new(),
            unsubscribe: None,
        }
    }
}

pub(crate) async fn compose(app: &App, message: &Envelope<Mail>) -> Result<Composed, Error> {
    let id = message.id.as_str();
    match &message.body {
        Mail::Verification { to, name, link } => {
            if !is_web_link(link) {
                return Err(Error::internal("the verification link is not a web link"));
            }
            let language = language(app, &*app.db.conn().await?, to).await?;
            let content = letters::verification(language, name, link).into();
            address(app, id, to, name, content)
        }
        Mail::ResetCode { to, name, code } => {
            let language = language(app, &*app.db.conn().await?, to).await?;
            let content = letters::reset_code(language, name, code).into();
            address(app, id, to, name, content)
        }
        Mail::Decoy => Ok(Composed::Overtaken("nobody has the address that was asked about")),
        Mail::OrderPlaced { order } => order_placed(app, id, *order).await,
        Mail::TransferDue { order } => transfer_due(app, id, *order).await,
        Mail::TransferEnded { order } => transfer_ended(app, id, *order).await,
        Mail::Tickets { order } => tickets(app, id, *order).await,
        Mail::RefundDue { order } => refund_due(app, id, *order).await,
        Mail::EventCancelled { order, event } => event_cancelled(app, id, *order, *event).await,
        Mail::RefundStarted { refund } => self::refund(app, id, *refund, Progress::Started).await,
        Mail::RefundManual { refund } => self::refund(app, id, *refund, Progress::Manual).await,
        Mail::RefundDone { refund } => self::refund(app, id, *refund, Progress::Done).await,
        Mail::Payment { order } => payment(app, id, *order).await,
        Mail::WebhookDisabled { webhook } => webhook_disabled(app, id, *webhook).await,
        Mail::TicketsOffered { entry } => tickets_offered(app, id, *entry).await,
        Mail::TicketOffered { to, handover, token } => {
            handovers::ticket_offered(app, id, to, *handover, token).await
        }
        Mail::TicketReceived { handover } => handovers::ticket_received(app, id, *handover).await,
        Mail::TicketRenamed { ticket, holder } => handovers::ticket_renamed(app, id, *ticket, *holder).await,
        Mail::TicketVoid { ticket, holder } => handovers::ticket_void(app, id, *ticket, *holder).await,
        Mail::Promotion { mailing, recipient } => promotion(app, id, *mailing, *recipient).await,
        Mail::Alerts { to, at, news } => {
            let language = language(app, &*app.db.conn().await?, to).await?;
            let (at, link) = (*at, format!("{}/status/alerts", app.frontend_url));
            let letter = letters::alerts(
                language,
                Alerts {
                    at,
                    news,
                    link: &link,
                },
            );
            address(app, id, to, "GiggleFest", letter.into())
        }
        Mail::EventChanged { announcement, holder } | Mail::EventReminder { announcement, holder } => {
            announcement_to(app, id, *announcement, *holder).await
        }
    }
}

fn address(app: &App, id: &str, to: &str, name: &str, content: Content) -> Result<Composed, Error> {
    let Some(email) = Email::parse(to) else {
        return Ok(Composed::Overtaken("the recipient has no valid address"));
    };
    let html = content.letter.html().map_err(Error::internal)?;
    Ok(Composed::Mail(Box::new(OutgoingMail {
        id: id.to_owned(),
        date: app.clock.now(),
        to: Mailbox::new(name, email),
        text: content.letter.text(),
        html,
        subject: content.letter.subject,
        pictures: content.pictures,
        attachments: content.attachments,
        unsubscribe: content.unsubscribe,
    })))
}

async fn order_placed(app: &App, id: &str, order: OrderId) -> Result<Composed, Error> {
    let (order, user, language, items, by_transfer) = {
        let conn = app.db.conn().await?;
        let (order, user) = order_and_buyer(&conn, order).await?;
        let language = language(app, &conn, &user.email).await?;
        let items = db::orders::items(&conn, order.id).await?;
        let transfer = db::transfers::of_order(&conn, order.id).await?;
        (order, user, language, items, transfer.is_some())
    };
    if check_payable(order.status, order.expires_at, app.clock.now()).is_err() {
        return Ok(Composed::Overtaken("the order is no longer payable"));
    }
    if by_transfer {
        return Ok(Composed::Overtaken(
            "another letter says where to transfer the money",
        ));
    }
    let letter = letters::order_placed(
        language,
        OrderPlaced {
            name: &user.name,
            code: &order.code,
            bill: bill(&order, items),
            pay_until: order.expires_at,
            link: link(app, &order),
        },
    );
    address(app, id, &user.email, &user.name, letter.into())
}

async fn transfer_due(app: &App, id: &str, order: OrderId) -> Result<Composed, Error> {
    let (order, user, language, transfer) = {
        let conn = app.db.conn().await?;
        let (order, user) = order_and_buyer(&conn, order).await?;
        let language = language(app, &conn, &user.email).await?;
        let transfer = db::transfers::of_order(&conn, order.id).await?;
        (order, user, language, transfer)
    };
    let transfer = transfer.ok_or_else(|| Error::internal("the order is not paid by transfer"))?;
    if check_payable(order.status, order.expires_at, app.clock.now()).is_err() {
        return Ok(Composed::Overtaken("the transfer is not waited for any more"));
    }
    let letter = letters::transfer_due(
        language,
        TransferDue {
            name: &user.name,
            order: &order.code,
            bank: &transfer.account.bank,
            number: &transfer.account.number,
            holder: &transfer.account.holder,
            amount: order.total,
            code: &domain::transfer::code(transfer.payment_id),
            pay_until: transfer.expires_at,
            link: link(app, &order),
        },
    );
    address(app, id, &user.email, &user.name, letter.into())
}

async fn transfer_ended(app: &App, id: &str, order: OrderId) -> Result<Composed, Error> {
    let (order, user, language, cancelled) = {
        let conn = app.db.conn().await?;
        let (order, user) = order_and_buyer(&conn, order).await?;
        let language = language(app, &conn, &user.email).await?;
        let cancelled = db::orders::is_cancelled(&conn, order.id).await?;
        (order, user, language, cancelled)
    };
    if order.status != OrderStatus::Expired {
        return Ok(Composed::Overtaken("the transfer came in after all"));
    }
    let letter = letters::transfer_ended(
        language,
        TransferEnded {
            name: &user.name,
            order: &order.code,
            cancelled,
            link: link(app, &order),
        },
    );
    address(app, id, &user.email, &user.name, letter.into())
}

fn bill(order: &Order, items: Vec<OrderItem>) -> Bill {
    let lines = items.into_iter().map(|item| Line {
        price: item.unit_price.times(item.quantity).unwrap_or(Rupiah::MAX),
        ticket: item.ticket_name,
        event: item.event_name,
        quantity: item.quantity,
    });
    Bill {
        lines: lines.collect(),
        discount: order.discount,
        fee: order.fee,
        tax: order.tax,
        total: order.total,
    }
}

async fn payment(app: &App, id: &str, order: OrderId) -> Result<Composed, Error> {
    let (order, user, language, items, receipt) = {
        let conn = app.db.conn().await?;
        let (order, user) = order_and_buyer(&conn, order).await?;
        let language = language(app, &conn, &user.email).await?;
        let items = db::orders::items(&conn, order.id).await?;
        let receipt = db::payments::receipt(&conn, order.id).await?;
        (order, user, language, items, receipt)
    };
    // A receipt stays true whatever is given back later.
    let receipt = receipt.ok_or_else(|| Error::internal("the order was not paid"))?;
    let letter = letters::payment(
        language,
        Payment {
            name: &user.name,
            code: &order.code,
            bill: bill(&order, items),
            method: receipt.method.as_deref(),
            paid_at: receipt.paid_at,
            link: link(app, &order),
        },
    );
    address(app, id, &user.email, &user.name, letter.into())
}

async fn tickets(app: &App, id: &str, order: OrderId) -> Result<Composed, Error> {
    let (order, user, language, issued, events) = {
        let conn = app.db.conn().await?;
        let (order, user) = order_and_buyer(&conn, order).await?;
        let language = language(app, &conn, &user.email).await?;
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
struct Handed<'a> {
    shown: Vec<Ticket<'a>>,
    pictures: Vec<Picture>,
    attachments: Vec<Attachment>,
}

/// Tickets with the pictures of their codes, and as files: to print, and their events for a calendar.
fn with_codes<'a>(
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

async fn refund_due(app: &App, id: &str, order: OrderId) -> Result<Composed, Error> {
    let (order, user, language, cancelled) = {
        let conn = app.db.conn().await?;
        let (order, user) = order_and_buyer(&conn, order).await?;
        let language = language(app, &conn, &user.email).await?;
        let cancelled = db::orders::is_cancelled(&conn, order.id).await?;
        (order, user, language, cancelled)
    };
    if !matches!(order.status, OrderStatus::RefundDue | OrderStatus::Refunded) {
        return Ok(Composed::Overtaken("no money of the order is to be returned"));
    }
    let letter = letters::refund_due(
        language,
        RefundDue {
            name: &user.name,
            code: &order.code,
            cancelled,
            amount: order.total,
            link: link(app, &order),
        },
    );
    address(app, id, &user.email, &user.name, letter.into())
}

async fn event_cancelled(app: &App, id: &str, order: OrderId, event: EventId) -> Result<Composed, Error> {
    let (order, user, language, event) = {
        let conn = app.db.conn().await?;
        let (order, user) = order_and_buyer(&conn, order).await?;
        let language = language(app, &conn, &user.email).await?;
        let event = db::events::find(&conn, event, None, true).await?;
        (
            order,
            user,
            language,
            event.ok_or_else(|| Error::not_found("Event"))?,
        )
    };
    if event.status != EventStatus::Cancelled {
        return Ok(Composed::Overtaken("the event was not cancelled"));
    }
    if !matches!(order.status, OrderStatus::Paid | OrderStatus::Refunded) {
        return Ok(Composed::Overtaken("the order has no tickets any more"));
    }
    let letter = letters::event_cancelled(
        language,
        EventCancelled {
            name: &user.name,
            event: &event.name,
            date: event.date,
            zone: &event.time_zone,
            location: &event.location,
            code: &order.code,
            paid: order.total,
            link: link(app, &order),
        },
    );
    address(app, id, &user.email, &user.name, letter.into())
}

async fn refund(app: &App, id: &str, refund: RefundId, progress: Progress) -> Result<Composed, Error> {
    let (refund, order, user, language) = {
        let conn = app.db.conn().await?;
        let refund = db::refunds::find(&conn, refund)
            .await?
            .ok_or_else(|| Error::not_found("Refund"))?;
        let (order, user) = order_and_buyer(&conn, refund.order_id).await?;
        let language = language(app, &conn, &user.email).await?;
        (refund, order, user, language)
    };
    let still_true = match progress {
        Progress::Started => refund.status == RefundStatus::Requested,
        Progress::Manual => refund.status == RefundStatus::Manual,
        Progress::Done => refund.status.gave_back(),
    };
    if !still_true {
        return Ok(Composed::Overtaken("the refund has come further"));
    }
    let letter = letters::refund(
        language,
        progress,
        letters::Refund {
            name: &user.name,
            code: &order.code,
            amount: refund.amount,
            tickets: u32::try_from(refund.tickets.len()).unwrap_or(u32::MAX),
            reason: &refund.reason,
            reference: refund.reference.as_deref(),
            link: link(app, &order),
        },
    );
    address(app, id, &user.email, &user.name, letter.into())
}

/// What holders of tickets are told of an event.
async fn announcement_to(
    app: &App,
    id: &str,
    announcement: AnnouncementId,
    holder: UserId,
) -> Result<Composed, Error> {
    let now = app.clock.now();
    let (found, event, holder, language, wanted, tickets) = {
        let conn = app.db.conn().await?;
        let found = db::announcements::find(&conn, announcement, now).await?;
        let found = found.ok_or_else(|| Error::not_found("Announcement"))?;
        let event = db::events::find(&conn, found.event, None, true).await?;
        let Some(holder) = db::users::find(&conn, holder).await? else {
            return Ok(Composed::Overtaken("the holder has left"));
        };
        let wishes = db::preferences::find(&conn, holder.id).await?.unwrap_or_default();
        let language = wishes.language.unwrap_or(app.language);
        let tickets = db::issued::count_good(&conn, found.event, holder.id).await?;
        (found, event, holder, language, wishes.mail_reminders, tickets)
    };
    let event = event.ok_or_else(|| Error::not_found("Event"))?;
    let Announcement {
        occasion, schedule, ..
    } = &found;
    if !found.is_true {
        return Ok(Composed::Overtaken("the event has changed again or is over"));
    }
    if tickets == 0 {
        return Ok(Composed::Overtaken("the holder has no tickets any more"));
    }
    let letter = match occasion {
        Occasion::Changed(before) => letters::event_changed(
            language,
            EventChanged {
                name: &holder.name,
                before,
                after: schedule,
                link: format!("{}/events/{}", app.frontend_url, event.id),
            },
        ),
        Occasion::Reminder if !wanted => {
            return Ok(Composed::Overtaken("the holder does not want reminders"));
        }
        Occasion::Reminder => letters::event_reminder(
            language,
            EventReminder {
                name: &holder.name,
                schedule,
                tickets,
                link: format!("{}/tickets", app.frontend_url),
            },
        ),
    };
    let content = Content {
        attachments: vec![calendar_file(app, &event)],
        ..letter.into()
    };
    address(app, id, &holder.email, &holder.name, content)
}

/// The events of tickets that are not void, in the order of the tickets.
async fn events_of(conn: &db::Client, issued: &[IssuedTicket]) -> Result<Vec<Event>, Error> {
    let mut events: Vec<Event> = Vec::new();
    for ticket in issued.iter().filter(|ticket| ticket.status != "void") {
        if events.iter().all(|event| event.id != ticket.event_id) {
            events.extend(db::events::find(conn, ticket.event_id, None, true).await?);
        }
    }
    Ok(events)
}

/// An event for a calendar. It has the identity that the API gives it, so that calendars replace what they know of it.
fn calendar_file(app: &App, event: &Event) -> Attachment {
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

async fn webhook_disabled(app: &App, id: &str, webhook: WebhookId) -> Result<Composed, Error> {
    let (endpoint, user, language) = {
        let conn = app.db.conn().await?;
        let Some(endpoint) = db::webhooks::find(&conn, webhook).await? else {
            return Ok(Composed::Overtaken("the endpoint was deleted"));
        };
        let user = db::users::find(&conn, endpoint.owner).await?;
        let user = user.ok_or_else(|| Error::not_found("User"))?;
        let language = language(app, &conn, &user.email).await?;
        (endpoint, user, language)
    };
    let Some((_, why)) = endpoint.disabled else {
        return Ok(Composed::Overtaken("the endpoint is enabled again"));
    };
    let letter = letters::webhook_disabled(
        language,
        WebhookDisabled {
            name: &user.name,
            url: &endpoint.url,
            description: &endpoint.description,
            failing_since: endpoint.failing_since,
            gone: why == WhyDisabled::Gone,
        },
    );
    address(app, id, &user.email, &user.name, letter.into())
}

/// What is kept for somebody who waited for it, as long as it is.
async fn tickets_offered(app: &App, id: &str, entry: WaitingEntryId) -> Result<Composed, Error> {
    let (offer, user, language) = {
        let conn = app.db.conn().await?;
        let Some(offer) = db::waiting_list::offer(&conn, entry).await? else {
            return Ok(Composed::Overtaken("whoever waited has left"));
        };
        let user = db::users::find(&conn, offer.user_id).await?;
        let user = user.ok_or_else(|| Error::not_found("User"))?;
        let language = language(app, &conn, &user.email).await?;
        (offer, user, language)
    };
    if offer.status != EntryStatus::Offered || offer.turned.until <= app.clock.now() {
        return Ok(Composed::Overtaken("the tickets are not kept any more"));
    }
    let letter = letters::tickets_offered(
        language,
        TicketsOffered {
            name: &user.name,
            turned: &offer.turned,
            link: format!("{}/cart", app.frontend_url),
        },
    );
    address(app, id, &user.email, &user.name, letter.into())
}

/// What somebody promotes, if its recipient wants it at this moment.
async fn promotion(app: &App, id: &str, mailing: MailingId, recipient: UserId) -> Result<Composed, Error> {
    let turn = {
        let mut conn = app.db.conn().await?;
        let tx = conn.begin().await?;
        let turn = db::mailing_recipients::begin(&tx, mailing, recipient, app.clock.now()).await?;
        tx.commit().await.map_err(db::DbError::from)?;
        if matches!(turn, Turn::Hold) {
            db::mailing_recipients::withdraw(&conn, mailing, &[recipient]).await?;
        }
        turn
    };
    let promotion = match turn {
        Turn::Go(promotion) => promotion,
        Turn::Hold => return Ok(Composed::Later),
        Turn::Over(reason) => return Ok(Composed::Overtaken(reason)),
    };
    let wanted = promotion.language.unwrap_or(app.language);
    let (language, words) = promotion
        .messages
        .to_reader(wanted)
        .ok_or_else(|| Error::internal("the mailing says nothing"))?;
    let token = app.unsubscribing.sign(recipient.get());
    let unsubscribe = format!("{}/api/v1/users/unsubscribe?token={token}", app.base_url);
    let letter = letters::promotion(
        language,
        Promotion {
            name: &promotion.name,
            sender: promotion.sender.as_deref(),
            words,
            event: promotion.event.as_ref().map(|event| Promoted {
                name: &event.name,
                date: event.date,
                zone: &event.time_zone,
                location: &event.location,
                link: format!("{}/events/{}", app.frontend_url, event.id),
            }),
            code: promotion
                .promo
                .as_ref()
                .map(|(code, until)| (code.as_str(), *until)),
            unsubscribe: unsubscribe.clone(),
        },
    );
    let content = Content {
        unsubscribe: Some(unsubscribe),
        ..letter.into()
    };
    address(app, id, &promotion.email, &promotion.name, content)
}

/// The language that the owner of an address chose, else that of the fleet.
async fn language(app: &App, conn: &db::Client, address: &str) -> Result<Language, Error> {
    let chosen = db::preferences::language_of(conn, address).await?;
    Ok(chosen.unwrap_or(app.language))
}

async fn order_and_buyer(conn: &db::Client, id: OrderId) -> Result<(Order, User), Error> {
    let order = db::orders::find(conn, id)
        .await?
        .ok_or_else(|| Error::not_found("Order"))?;
    let user = db::users::find(conn, order.user_id)
        .await?
        .ok_or_else(|| Error::not_found("User"))?;
    Ok((order, user))
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

fn link(app: &App, order: &Order) -> String {
    format!("{}/orders/{}", app.frontend_url, order.code)
}

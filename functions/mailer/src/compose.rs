//! From a message to a finished mail: loads what the mail is about and checks that it is still true.

mod events;
mod handovers;
mod orders;
mod tickets;

use crate::letter::Letter;
use crate::letters::{self, Alerts, Progress, Promoted, Promotion, TicketsOffered, WebhookDisabled};
use crate::{App, Language, is_web_link};
use db::mailing_recipients::Turn;
use domain::message::{Envelope, Mail};
use domain::user::Email;
use domain::waiting_list::EntryStatus;
use domain::webhook::WhyDisabled;
use domain::{Error, MailingId, UserId, WaitingEntryId, WebhookId};
use mail::{Attachment, Mailbox, OutgoingMail, Picture};

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
        Mail::OrderPlaced { order } => orders::order_placed(app, id, *order).await,
        Mail::TransferDue { order } => orders::transfer_due(app, id, *order).await,
        Mail::TransferEnded { order } => orders::transfer_ended(app, id, *order).await,
        Mail::Tickets { order } => tickets::tickets(app, id, *order).await,
        Mail::RefundDue { order } => orders::refund_due(app, id, *order).await,
        Mail::EventCancelled { order, event } => events::event_cancelled(app, id, *order, *event).await,
        Mail::RefundStarted { refund } => orders::refund(app, id, *refund, Progress::Started).await,
        Mail::RefundManual { refund } => orders::refund(app, id, *refund, Progress::Manual).await,
        Mail::RefundDone { refund } => orders::refund(app, id, *refund, Progress::Done).await,
        Mail::Payment { order } => orders::payment(app, id, *order).await,
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
            events::announcement_to(app, id, *announcement, *holder).await
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

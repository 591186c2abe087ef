//! What travels through the queues. A message is written to the outbox in the transaction of its cause and published
//! after the commit; consumers are idempotent by [`Envelope::id`].

use crate::alert::News;
use crate::{
    AnnouncementId, DeliveryId, EventId, HandoverId, ImageId, IssuedTicketId, MailingId, NotificationId,
    OrderId, RefundId, Timestamp, UserId, WaitingEntryId, WebhookId,
};

/// A queue of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Hints of the payment gateway, for `payment-worker`.
    PaymentNotifications,
    /// Mails to send, for `mailer`.
    Mail,
    /// Pictures to work on, for `media-worker`. The store of the originals puts its own notices into it, too.
    Media,
    /// Money to give back, for `payment-worker`. A queue of its own: the many refunds of a cancelled event must not keep others
    /// waiting for their tickets.
    Refunds,
    /// What people are to be told over their WebSockets, for `notifier`.
    Notices,
    /// Messages to organizers' own systems, for `webhook-sender`.
    Webhooks,
    /// What the mail service tells about mails that went, for `mail-events`. It fills it itself; nothing of the outbox goes there.
    MailEvents,
    /// Promotional mails, for `mailer-promotions`. A queue of its own, and a mailer of its own: whoever has just bought does not
    /// wait behind a hundred thousand who might. Nothing of the outbox goes there: rows of recipients wait in its stead.
    Promotions,
}

impl Queue {
    /// Every queue.
    pub const ALL: [Self; 8] = [
        Self::PaymentNotifications,
        Self::Mail,
        Self::Media,
        Self::Refunds,
        Self::Notices,
        Self::Webhooks,
        Self::MailEvents,
        Self::Promotions,
    ];

    /// Name in the outbox, in the template and in environment variables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PaymentNotifications => "payment-notifications",
            Self::Mail => "mail",
            Self::Media => "media",
            Self::Refunds => "refunds",
            Self::Notices => "notices",
            Self::Webhooks => "webhooks",
            Self::MailEvents => "mail-events",
            Self::Promotions => "promotions",
        }
    }

    /// The queue of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.as_str() == name)
    }
}

/// A message with the identity that makes its consumer idempotent.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Envelope<T> {
    /// Random, 128 bits in hexadecimal: the id of the outbox row.
    pub id: String,
    /// What it says.
    pub body: T,
}

/// A message on its way out: a row of the outbox, then a message of its queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The id of its envelope.
    pub id: String,
    /// Where it goes.
    pub queue: Queue,
    /// The JSON of its envelope.
    pub body: String,
}

impl Outgoing {
    /// Wraps a mail for its queue; `id` is 128 random bits in hexadecimal.
    ///
    /// # Errors
    /// If the mail cannot be written as JSON, which would be a mistake in its type.
    pub fn mail(id: String, mail: Mail) -> crate::Result<Self> {
        Self::wrap(id, Queue::Mail, mail)
    }

    /// Wraps work on a picture for its queue; `id` is 128 random bits in hexadecimal.
    ///
    /// # Errors
    /// If it cannot be written as JSON, which would be a mistake in its type.
    pub fn media(id: String, work: MediaWork) -> crate::Result<Self> {
        Self::wrap(id, Queue::Media, work)
    }

    /// Wraps work on a refund for its queue; `id` is 128 random bits in hexadecimal.
    ///
    /// # Errors
    /// If it cannot be written as JSON, which would be a mistake in its type.
    pub fn refund(id: String, work: RefundWork) -> crate::Result<Self> {
        Self::wrap(id, Queue::Refunds, work)
    }

    /// Wraps a happening for its queue; `id` is 128 random bits in hexadecimal.
    ///
    /// # Errors
    /// If it cannot be written as JSON, which would be a mistake in its type.
    pub fn happening(id: String, happening: Happening) -> crate::Result<Self> {
        Self::wrap(id, Queue::Notices, happening)
    }

    /// The message that the schema writes into the outbox with every notification, under an id that follows from it.
    ///
    /// # Errors
    /// If it cannot be written as JSON, which would be a mistake in its type.
    pub fn told(notification: NotificationId) -> crate::Result<Self> {
        let id = format!("{:032x}", notification.get());
        Self::happening(id, Happening::Told { notification })
    }

    /// Wraps a delivery for its queue; `id` is 128 random bits in hexadecimal.
    ///
    /// # Errors
    /// If it cannot be written as JSON, which would be a mistake in its type.
    pub fn webhook(id: String, work: WebhookWork) -> crate::Result<Self> {
        Self::wrap(id, Queue::Webhooks, work)
    }

    /// Wraps the promotional mail of one recipient for its queue. Its id follows from both, so that it is the same mail however
    /// often it is announced.
    ///
    /// # Errors
    /// If it cannot be written as JSON, which would be a mistake in its type.
    pub fn promotion(mailing: MailingId, recipient: UserId) -> crate::Result<Self> {
        let id = format!("{:016x}{:016x}", mailing.get(), recipient.get());
        Self::wrap(id, Queue::Promotions, Mail::Promotion { mailing, recipient })
    }

    fn wrap(id: String, queue: Queue, body: impl serde::Serialize) -> crate::Result<Self> {
        let envelope = Envelope { id, body };
        let body = serde_json::to_string(&envelope).map_err(crate::Error::internal)?;
        Ok(Self {
            id: envelope.id,
            queue,
            body,
        })
    }
}

/// The payment gateway says that something happened to an order. It is a hint: its signature does not cover the status,
/// so `payment-worker` asks the gateway.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PaymentNotice {
    /// Our order code, as the gateway knows it.
    pub order_code: String,
    /// The gateway's id of the transaction.
    pub transaction_id: Option<String>,
    /// Status as notified, for the record.
    pub transaction_status: String,
    /// The gateway's code as notified, for the record.
    pub status_code: String,
    /// When the webhook received it.
    pub received_at: Timestamp,
    /// The notification as it came, for the record.
    pub raw: String,
}

/// Something is to be done about a picture. What, its row says: a message may come late or twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MediaWork {
    /// The picture.
    pub image: ImageId,
}

/// Money is to be given back. How much and how, its row says: a message may come late or twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RefundWork {
    /// The refund.
    pub refund: RefundId,
}

/// Something that people may follow over WebSockets. What there is to tell, its row says: a message may come late or twice.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Happening {
    /// An order or its payment stands elsewhere.
    Order {
        /// The order.
        order: OrderId,
    },
    /// Somebody was told something, or everybody.
    Told {
        /// The notification.
        notification: NotificationId,
    },
    /// It is time to look how many tickets of an event are left.
    Look {
        /// The event.
        event: EventId,
    },
    /// Some of those who follow something are to be told where it stands.
    Part {
        /// What they follow.
        of: Subject,
        /// Who of them.
        part: Part,
    },
}

/// What followers are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Where an order stands.
    Order(OrderId),
    /// What somebody was told, or everybody.
    Told(NotificationId),
    /// What the last look at an event saw.
    Event(EventId),
}

/// Some of those who follow something. A crowd is told in parts, each by a delivery of its own: none has to be through with
/// all of them in its time.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Those whose ids come between two.
    Between {
        /// The last id before them; none if they are the first.
        after: Option<String>,
        /// The last of their ids; none if they are the last.
        until: Option<String>,
    },
    /// A connection that could not be told before.
    Again(String),
}

impl Part {
    /// All who follow.
    pub const ALL: Self = Self::Between {
        after: None,
        until: None,
    };
}

/// An organizer's own system is to be told something. What and where, its row says: a message may come late or twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WebhookWork {
    /// The delivery.
    pub delivery: DeliveryId,
}

/// A mail to send.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Mail {
    /// The link that proves a mail address. The token is stored hashed, so the link exists only here.
    Verification {
        /// Recipient.
        to: String,
        /// Recipient's name.
        name: String,
        /// The link.
        link: String,
    },
    /// The code with which a forgotten password is replaced. It is stored hashed, so it exists only here.
    ResetCode {
        /// Recipient.
        to: String,
        /// Recipient's name.
        name: String,
        /// Six digits.
        code: String,
    },
    /// Nothing to send. It goes where a request about an unknown address must take as long as one about a known address,
    /// which mails something.
    Decoy,
    /// An order waits for payment.
    OrderPlaced {
        /// The order.
        order: OrderId,
    },
    /// An order waits for a bank transfer.
    TransferDue {
        /// The order.
        order: OrderId,
    },
    /// A bank transfer is not waited for any more: its time is over, or the event was called off.
    TransferEnded {
        /// The order.
        order: OrderId,
    },
    /// An order is paid; its tickets are attached.
    Tickets {
        /// The order.
        order: OrderId,
    },
    /// Money came in for an order that could no longer be honoured and will be returned.
    RefundDue {
        /// The order.
        order: OrderId,
    },
    /// An event was called off for which an order has tickets.
    EventCancelled {
        /// The order.
        order: OrderId,
        /// The event.
        event: EventId,
    },
    /// Somebody asked for money to be given back.
    RefundStarted {
        /// The refund.
        refund: RefundId,
    },
    /// The way by which was paid leads one way only: people transfer the money back.
    RefundManual {
        /// The refund.
        refund: RefundId,
    },
    /// Money went back.
    RefundDone {
        /// The refund.
        refund: RefundId,
    },
    /// An order is paid: a receipt.
    Payment {
        /// The order.
        order: OrderId,
    },
    /// The time or the place of an event changed.
    EventChanged {
        /// What is announced.
        announcement: AnnouncementId,
        /// Who has tickets.
        holder: UserId,
    },
    /// An organizer's own system took nothing for so long that it is told nothing any more.
    WebhookDisabled {
        /// The endpoint.
        webhook: WebhookId,
    },
    /// It is somebody's turn who waited for tickets: some are kept in their cart.
    TicketsOffered {
        /// Their place in the line.
        entry: WaitingEntryId,
    },
    /// Somebody offers a ticket to whoever has an address. The token of the link is stored hashed, so it exists only here.
    TicketOffered {
        /// Recipient, who may have no account.
        to: String,
        /// The offer.
        handover: HandoverId,
        /// The token of the link.
        token: String,
    },
    /// A ticket was passed on: its new holder gets it.
    TicketReceived {
        /// What was accepted.
        handover: HandoverId,
    },
    /// A ticket got another name, and with it another code.
    TicketRenamed {
        /// The ticket.
        ticket: IssuedTicketId,
        /// Who holds it.
        holder: UserId,
    },
    /// A ticket that was passed on was taken back from its holder, who did not pay for it.
    TicketVoid {
        /// The ticket.
        ticket: IssuedTicketId,
        /// Who held it.
        holder: UserId,
    },
    /// What somebody promotes.
    Promotion {
        /// What is promoted.
        mailing: MailingId,
        /// To whom.
        recipient: UserId,
    },
    /// An event begins soon.
    EventReminder {
        /// What is announced.
        announcement: AnnouncementId,
        /// Who has tickets.
        holder: UserId,
    },
    /// Something is wrong with the fleet, or right again. All that was found at once is one mail, and what it says stays true of
    /// its moment.
    Alerts {
        /// The operators' address.
        to: String,
        /// When it was found.
        at: Timestamp,
        /// What.
        news: Vec<News>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_queue() {
        let mail = Envelope {
            id: "00ff".to_owned(),
            body: Mail::Tickets {
                order: OrderId::new(7),
            },
        };
        let text = serde_json::to_string(&mail).unwrap();
        assert_eq!(text, r#"{"id":"00ff","body":{"kind":"tickets","order":7}}"#);
        assert_eq!(serde_json::from_str::<Envelope<Mail>>(&text).unwrap(), mail);
    }

    #[test]
    fn queue_names_are_read_back() {
        for queue in Queue::ALL {
            assert_eq!(Queue::parse(queue.as_str()), Some(queue));
        }
    }
}

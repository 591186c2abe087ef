//! Identifiers, one type each, so that a user's id cannot be passed where an event's is meant.

use std::fmt;
use std::str::FromStr;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            /// An id as the database gave it.
            pub const fn new(id: i64) -> Self {
                Self(id)
            }

            /// The number behind the id.
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text.parse::<i64>() {
                    Ok(id) if id > 0 && !text.starts_with('+') => Ok(Self(id)),
                    _ => Err("must be a positive whole number"),
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            /// A number, or a numeric text as existing clients send it.
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                let id = crate::text::whole_number(input)?;
                if id > 0 { Ok(Self(id)) } else { Err(serde::de::Error::custom("must be a positive whole number")) }
            }
        }
    )*};
}

ids! {
    /// An account.
    UserId,
    /// A log-in on one device.
    SessionId,
    /// A key of an organizer's own system.
    ApiKeyId,
    /// An event.
    EventId,
    /// A category of ticket types.
    CategoryId,
    /// A kind of ticket that is sold; "ticket" in the API.
    TicketTypeId,
    /// A row of a cart.
    CartItemId,
    /// An order.
    OrderId,
    /// A line of an order.
    OrderItemId,
    /// A promo code.
    PromoId,
    /// A group of promo codes.
    CampaignId,
    /// A payment.
    PaymentId,
    /// Money on its way back.
    RefundId,
    /// A ticket issued to a buyer.
    IssuedTicketId,
    /// A row of the audit log.
    AuditId,
    /// What a row of the audit log is about, among the things of its kind.
    SubjectId,
    /// A picture that somebody uploaded.
    ImageId,
    /// Something that people are told within the application.
    NotificationId,
    /// What the holders of an event's tickets are told.
    AnnouncementId,
    /// What somebody says about a kind of ticket.
    ReviewId,
    /// Where an organizer's own system is told what happened.
    WebhookId,
    /// A message to such a place.
    DeliveryId,
    /// A door of an event.
    GateId,
    /// A scan of a ticket.
    CheckInId,
    /// A promotional mail to many people.
    MailingId,
    /// A ticket that its holder offers to somebody else.
    HandoverId,
    /// Something wrong of which the operators are told.
    AlertId,
    /// Somebody in line for tickets that are sold out.
    WaitingEntryId,
    /// A house that an organizer uses again.
    VenueId,
}

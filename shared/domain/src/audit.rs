//! The audit log: who changed what, when, and from where. It says what was changed, without personal data and without
//! secrets, so that it can be read by those who run the platform and by the organizer of an event.

use crate::user::Role;
use crate::{
    AlertId, ApiKeyId, CampaignId, CategoryId, EventId, MailingId, NotificationId, PaymentId, PromoId,
    ReviewId, SubjectId, TicketTypeId, Timestamp, UserId, VenueId, WebhookId,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Longest text that is written down, in characters; the rest is cut off.
const LONGEST: usize = 120;

/// From where a request came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Address of the client, as the gateway saw it.
    pub client_ip: String,
    /// What the client says it is, shortened.
    pub user_agent: String,
    /// The request, as the log and the answer name it.
    pub request_id: String,
}

/// What was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// An event, or who works at it.
    Event(EventId),
    /// A ticket type of an event.
    TicketType(TicketTypeId, EventId),
    /// A category.
    Category(CategoryId),
    /// An account.
    User(UserId),
    /// A promo code.
    Promo(PromoId),
    /// A group of promo codes.
    PromoCampaign(CampaignId),
    /// A payment, or what of it goes back.
    Payment(PaymentId),
    /// Something that people were told within the application.
    Notification(NotificationId),
    /// What somebody said about a kind of ticket, and of which event.
    Review(ReviewId, EventId),
    /// Where an organizer's own system is told what happened.
    Webhook(WebhookId),
    /// A promotional mail to many people.
    Mailing(MailingId),
    /// Something wrong of which the operators are told.
    Alert(AlertId),
    /// A house that an organizer uses again.
    Venue(VenueId),
}

impl Subject {
    /// What kind of thing it is.
    pub const fn kind(self) -> SubjectKind {
        match self {
            Self::Event(_) => SubjectKind::Event,
            Self::TicketType(..) => SubjectKind::TicketType,
            Self::Category(_) => SubjectKind::Category,
            Self::User(_) => SubjectKind::User,
            Self::Promo(_) => SubjectKind::Promo,
            Self::PromoCampaign(_) => SubjectKind::PromoCampaign,
            Self::Payment(_) => SubjectKind::Payment,
            Self::Notification(_) => SubjectKind::Notification,
            Self::Review(..) => SubjectKind::Review,
            Self::Webhook(_) => SubjectKind::Webhook,
            Self::Mailing(_) => SubjectKind::Mailing,
            Self::Alert(_) => SubjectKind::Alert,
            Self::Venue(_) => SubjectKind::Venue,
        }
    }

    /// Its id among its kind.
    pub const fn id(self) -> SubjectId {
        SubjectId::new(match self {
            Self::Event(id) => id.get(),
            Self::TicketType(id, _) => id.get(),
            Self::Category(id) => id.get(),
            Self::User(id) => id.get(),
            Self::Promo(id) => id.get(),
            Self::PromoCampaign(id) => id.get(),
            Self::Payment(id) => id.get(),
            Self::Notification(id) => id.get(),
            Self::Review(id, _) => id.get(),
            Self::Webhook(id) => id.get(),
            Self::Mailing(id) => id.get(),
            Self::Alert(id) => id.get(),
            Self::Venue(id) => id.get(),
        })
    }

    /// The event that it belongs to, whose organizer may read about it.
    pub const fn event(self) -> Option<EventId> {
        match self {
            Self::Event(event) | Self::TicketType(_, event) | Self::Review(_, event) => Some(event),
            Self::Category(_)
            | Self::User(_)
            | Self::Promo(_)
            | Self::PromoCampaign(_)
            | Self::Payment(_)
            | Self::Notification(_)
            | Self::Webhook(_)
            | Self::Mailing(_)
            | Self::Alert(_)
            | Self::Venue(_) => None,
        }
    }
}

/// How somebody was known who changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// By logging in.
    Session,
    /// By an API key.
    ApiKey,
}

impl Via {
    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::ApiKey => "api_key",
        }
    }

    /// The way of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Session, Self::ApiKey]
            .into_iter()
            .find(|via| via.as_str() == name)
    }
}

/// Kinds of what is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// An event, or who works at it.
    Event,
    /// A ticket type.
    TicketType,
    /// A category.
    Category,
    /// An account.
    User,
    /// A promo code.
    Promo,
    /// A group of promo codes.
    PromoCampaign,
    /// A payment.
    Payment,
    /// Something that people were told within the application.
    Notification,
    /// What somebody said about a kind of ticket.
    Review,
    /// Where an organizer's own system is told what happened.
    Webhook,
    /// A promotional mail to many people.
    Mailing,
    /// Something wrong of which the operators are told.
    Alert,
    /// A house that an organizer uses again.
    Venue,
}

impl SubjectKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Event,
        Self::TicketType,
        Self::Category,
        Self::User,
        Self::Promo,
        Self::PromoCampaign,
        Self::Payment,
        Self::Notification,
        Self::Review,
        Self::Webhook,
        Self::Mailing,
        Self::Alert,
        Self::Venue,
    ];

    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::TicketType => "ticket_type",
            Self::Category => "category",
            Self::User => "user",
            Self::Promo => "promo",
            Self::PromoCampaign => "promo_campaign",
            Self::Payment => "payment",
            Self::Notification => "notification",
            Self::Review => "review",
            Self::Webhook => "webhook",
            Self::Mailing => "mailing",
            Self::Alert => "alert",
            Self::Venue => "venue",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What is different now, field by field: `{"location": {"from": "Jakarta", "to": "Bandung"}}`.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
#[serde(transparent)]
pub struct Changes(Map<String, Value>);

impl Changes {
    /// Nothing is said but that it happened.
    pub fn none() -> Self {
        Self::default()
    }

    /// A field that has a value now.
    #[must_use]
    pub fn set(mut self, field: &str, to: impl Serialize) -> Self {
        self.0.insert(field.to_owned(), json!({"to": short(to)}));
        self
    }

    /// A field that has another value now, if it was asked for.
    #[must_use]
    pub fn set_if(self, field: &str, to: Option<impl Serialize>) -> Self {
        match to {
            Some(to) => self.set(field, to),
            None => self,
        }
    }

    /// A field whose value is gone.
    #[must_use]
    pub fn gone(mut self, field: &str, from: impl Serialize) -> Self {
        self.0.insert(field.to_owned(), json!({"from": short(from)}));
        self
    }

    /// A field that had a value before; left out if it is the same.
    #[must_use]
    pub fn moved<T: Serialize + PartialEq>(mut self, field: &str, from: &T, to: &T) -> Self {
        if from != to {
            self.0
                .insert(field.to_owned(), json!({"from": short(from), "to": short(to)}));
        }
        self
    }

    /// The fields that are different.
    pub fn fields(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// Whether no field is different.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A value as JSON, long texts cut off.
fn short(value: impl Serialize) -> Value {
    match serde_json::to_value(value).unwrap_or_default() {
        Value::String(text) if text.chars().count() > LONGEST => {
            let start: String = text.chars().take(LONGEST).collect();
            Value::String(format!("{start}…"))
        }
        value => value,
    }
}

/// One entry of the log.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// Who did it.
    pub actor: UserId,
    /// What they were then.
    pub role: Role,
    /// How they were known.
    pub via: Via,
    /// The API key that was used, if one was.
    pub key: Option<ApiKeyId>,
    /// From where.
    pub origin: &'a Origin,
    /// Operation id of the route, such as `update_event`.
    pub action: &'static str,
    /// To what.
    pub subject: Subject,
    /// What is different now.
    pub changes: Changes,
    /// When.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_name_what_is_different_and_nothing_else() {
        let changes = Changes::none()
            .moved("name", &"Jazz", &"Jazz")
            .moved("price", &1_000, &2_000)
            .moved("artist", &None, &Some("Tulus"))
            .set("status", "draft")
            .set_if("imageId", Some(9))
            .set_if("note", None::<i64>)
            .gone("staff", 7);
        let json = serde_json::to_value(&changes).unwrap();
        assert_eq!(
            json,
            json!({
                "price": {"from": 1_000, "to": 2_000}, "artist": {"from": null, "to": "Tulus"},
                "status": {"to": "draft"}, "imageId": {"to": 9}, "staff": {"from": 7},
            })
        );
        assert!(Changes::none().moved("a", &1, &1).is_empty());
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let json = serde_json::to_value(Changes::none().set("description", "é".repeat(500))).unwrap();
        let text = json["description"]["to"].as_str().unwrap();
        assert_eq!(text.chars().count(), LONGEST + 1);
        assert!(text.ends_with("é…"));
    }

    #[test]
    fn kinds_are_read_back() {
        for kind in SubjectKind::ALL {
            assert_eq!(SubjectKind::parse(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    #[test]
    fn only_what_belongs_to_an_event_is_for_its_organizer() {
        let event = EventId::new(3);
        assert_eq!(Subject::Event(event).event(), Some(event));
        assert_eq!(
            Subject::TicketType(TicketTypeId::new(9), event).event(),
            Some(event)
        );
        assert_eq!(Subject::Category(CategoryId::new(3)).event(), None);
        assert_eq!(Subject::User(UserId::new(3)).event(), None);
    }
}

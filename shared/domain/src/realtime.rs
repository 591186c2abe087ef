//! What goes over a WebSocket: what clients ask for, what they are told, and how much of it is allowed.
//!
//! A message tells where something stands, not what happened to it: whoever missed one is right again with the next, and
//! [`State::version`] says which of two is newer.

use crate::event::EventStatus;
use crate::order::OrderStatus;
use crate::payment::PaymentStatus;
use crate::rate::Limit;
use crate::{Error, EventId, NotificationId, TicketTypeId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Largest message that a client may send, in bytes.
pub const MOST_BYTES: usize = 2_048;

/// Topics that one connection may follow.
pub const MOST_TOPICS: usize = 20;

/// Topics that a connection without a ticket may follow: looks at events cost the fleet something, and strangers nothing.
pub const MOST_TOPICS_OF_STRANGERS: usize = 3;

/// Topics that a connection may follow, of somebody or of a stranger.
pub const fn most_topics(is_stranger: bool) -> usize {
    if is_stranger {
        MOST_TOPICS_OF_STRANGERS
    } else {
        MOST_TOPICS
    }
}

/// Connections that one account may have at a time.
pub const MOST_CONNECTIONS: u32 = 10;

/// Seconds after which the gateway ends a connection whatever happens on it.
pub const CONNECTION_SECONDS: i64 = 7_200;

/// Seconds that a ticket for a connection is good.
pub const TICKET_SECONDS: i64 = 60;

/// Tickets that one session may have at a time.
pub const MOST_TICKETS: u32 = 20;

/// Messages of one connection.
pub const MESSAGES: Limit = Limit {
    action: "socket",
    uses: 60,
    window_seconds: 60,
};

/// Messages of one connection that are refused because it has sent too many. The next one ends it.
pub const REFUSALS: Limit = Limit {
    action: "socket-refusal",
    uses: 10,
    window_seconds: 60,
};

/// Handshakes from one IP address, with and without a ticket. Mobile networks put thousands of people behind one address.
pub const HANDSHAKES: Limit = Limit {
    action: "handshake",
    uses: 3_000,
    window_seconds: 600,
};

/// What can be followed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// An order of the caller, by its code.
    Order(String),
    /// How many tickets of an event are left.
    Event(EventId),
    /// What the caller is told within the application.
    Notifications,
}

/// What a topic looks like, as a regular expression.
const PATTERN: &str = "^(order:ORDER-[0-9A-F]{32}|event:[1-9][0-9]{0,18}|notifications)$";

impl Topic {
    /// The topic of that name.
    pub fn parse(name: &str) -> Option<Self> {
        if name == "notifications" {
            return Some(Self::Notifications);
        }
        if let Some(id) = name.strip_prefix("event:") {
            let id: EventId = id.parse().ok()?;
            return (format!("event:{id}") == name).then_some(Self::Event(id));
        }
        let code = name.strip_prefix("order:")?;
        let digits = code.strip_prefix("ORDER-")?;
        let of_a_code = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
        (digits.len() == 32 && digits.bytes().all(of_a_code)).then(|| Self::Order(code.to_owned()))
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(code) => write!(f, "order:{code}"),
            Self::Event(id) => write!(f, "event:{id}"),
            Self::Notifications => f.write_str("notifications"),
        }
    }
}

impl Serialize for Topic {
    fn serialize<S: serde::Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Topic {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let name = <std::borrow::Cow<'de, str>>::deserialize(input)?;
        Self::parse(&name).ok_or_else(|| serde::de::Error::custom("must be a topic such as event:7"))
    }
}

impl JsonSchema for Topic {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Topic".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "`order:<code>` is an order of the caller, `event:<id>` how many tickets of an event are left, \
                            `notifications` what the caller is told. Whoever connects without a ticket follows events only.",
            "type": "string",
            "pattern": PATTERN,
        })
    }
}

/// What a client calls a request, so that it knows the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct RequestId(#[schemars(length(max = 64))] String);

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let id = String::deserialize(input)?;
        if id.len() > 64 {
            return Err(serde::de::Error::custom("must be at most 64 bytes"));
        }
        Ok(Self(id))
    }
}

/// What a client says. `id` may be left out; the answer repeats it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Request {
    /// Be told about something from now on.
    Subscribe {
        /// About what.
        topic: Topic,
        /// What the request is called.
        id: Option<RequestId>,
    },
    /// Hear no more about something.
    Unsubscribe {
        /// About what.
        topic: Topic,
        /// What the request is called.
        id: Option<RequestId>,
    },
    /// Keep the connection: it ends after ten minutes in which nothing is said.
    Ping {
        /// What the request is called.
        id: Option<RequestId>,
    },
}

impl Request {
    /// What the request is called.
    pub const fn id(&self) -> Option<&RequestId> {
        match self {
            Self::Subscribe { id, .. } | Self::Unsubscribe { id, .. } | Self::Ping { id } => id.as_ref(),
        }
    }
}

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct State {
    /// Of two states of one topic the one with the higher version is newer. Messages repeat and overtake each other: drop
    /// those whose version is not higher than the last. Notifications are numbered, and each stands for itself.
    pub version: i64,
    /// What is known.
    pub data: Data,
}

/// What is known of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Data {
    /// Of an order.
    Order(OrderState),
    /// Of an event.
    Event(Availability),
    /// Of the notifications.
    Notification(Told),
}

/// Where an order stands. `GET /payments/{id}` and `GET /tickets/mine` tell the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderState {
    /// What the order is called.
    pub order_id: String,
    /// Where it stands.
    pub status: OrderStatus,
    /// Where its payment stands, once there is one.
    pub payment_status: Option<PaymentStatus>,
    /// Until when it can be paid.
    pub expires_at: Timestamp,
}

/// How many tickets of an event are left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Availability {
    /// The event.
    pub event_id: EventId,
    /// Where it stands; `draft` when it is not to be seen any more.
    pub status: EventStatus,
    /// Its ticket types.
    pub tickets: Vec<TicketsLeft>,
}

/// How many tickets of one kind are left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TicketsLeft {
    /// The ticket type.
    pub ticket_id: TicketTypeId,
    /// How many are neither sold nor held.
    pub quantity: u32,
}

/// That somebody is told something. `GET /notifications` has it in their language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// Its id, as in `GET /notifications`.
    pub id: NotificationId,
    /// When it was written.
    pub created_at: Timestamp,
}

/// What a client is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// Updates will follow.
    Subscribed {
        /// About what.
        topic: Topic,
        /// What the request was called.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<RequestId>,
        /// Where it stands, if that is known already; otherwise an update tells within seconds. Notifications have none.
        state: Option<State>,
    },
    /// No updates will follow.
    Unsubscribed {
        /// About what.
        topic: Topic,
        /// What the request was called.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<RequestId>,
    },
    /// The answer to a ping.
    Pong {
        /// What the request was called.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<RequestId>,
    },
    /// Something has changed.
    Update {
        /// What.
        topic: Topic,
        /// Where it stands.
        state: State,
    },
    /// A request was refused; the connection stays.
    Error {
        /// Stable, for programs.
        code: &'static str,
        /// For people.
        message: String,
        /// What the request was called, if that could be read.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<RequestId>,
        /// Seconds after which a repetition makes sense.
        #[serde(rename = "retryAfter", skip_serializing_if = "Option::is_none")]
        retry_after: Option<u32>,
    },
}

impl Message {
    /// The refusal of a request.
    pub fn refusal(error: &Error, id: Option<RequestId>) -> Self {
        Self::Error {
            code: error.code,
            message: error.message.clone(),
            id,
            retry_after: error.retry_after,
        }
    }

    /// As it is sent.
    ///
    /// # Errors
    /// If it cannot be written as JSON, which would be a mistake in its type.
    pub fn to_text(&self) -> crate::Result<String> {
        serde_json::to_string(self).map_err(Error::internal)
    }
}

/// Reads what a client sent.
///
/// # Errors
/// `message_too_large` or `invalid_message`.
pub fn read(text: &str) -> crate::Result<Request> {
    if text.len() > MOST_BYTES {
        let message = format!("A message may be {MOST_BYTES} bytes long");
        return Err(Error::invalid("message_too_large", message));
    }
    serde_json::from_str(text).map_err(|error| {
        Error::invalid(
            "invalid_message",
            "The message is not of the form that is documented",
        )
        .because(error)
    })
}

/// Shortest and longest pause between two looks at an event that somebody follows, in seconds.
pub const PAUSES: std::ops::RangeInclusive<i64> = 1..=4;

/// How long to wait until the next look: a second while something changes, and ever longer while nothing does.
pub fn next_pause(last: i64, changed: bool) -> i64 {
    if changed {
        *PAUSES.start()
    } else {
        (last * 2).clamp(*PAUSES.start(), *PAUSES.end())
    }
}

/// Parts of crowds that are told in a second: at 500 followers each, half of what the gateway takes from an account.
const PARTS_PER_SECOND: usize = 10;

/// Seconds that a crowd of so many parts takes to be told. The next look waits for them, so that states do not pile up.
pub fn telling_seconds(parts: usize) -> i64 {
    i64::try_from(parts / PARTS_PER_SECOND).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_back_and_nothing_else_is_one() {
        let code = crate::order::code([0xAB; 16]);
        for topic in [
            Topic::Order(code.clone()),
            Topic::Event(EventId::new(7)),
            Topic::Notifications,
        ] {
            assert_eq!(Topic::parse(&topic.to_string()), Some(topic));
        }
        let order = format!("order:{code}");
        for bad in [
            "",
            "event:",
            "event:0",
            "event:-1",
            "event:07",
            "event:+7",
            "event:7 ",
            "event:99999999999999999999",
            "order:",
            "order:ORDER-",
            &order.to_lowercase(),
            &format!("{order}0"),
            &order[..order.len() - 1],
            "notifications:7",
            "Notifications",
            "watch#7",
        ] {
            assert_eq!(Topic::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn requests_are_read() {
        let topic = Topic::Event(EventId::new(7));
        assert_eq!(
            read(r#"{"action":"subscribe","topic":"event:7","id":"a"}"#).unwrap(),
            Request::Subscribe {
                topic,
                id: Some(RequestId("a".to_owned()))
            }
        );
        assert_eq!(read(r#"{"action":"ping"}"#).unwrap(), Request::Ping { id: None });
        let long_id = format!(r#"{{"action":"ping","id":"{}"}}"#, "x".repeat(65));
        for bad in [
            "",
            "ping",
            "[]",
            "null",
            "{}",
            r#"{"action":"buy"}"#,
            r#"{"action":"subscribe"}"#,
            r#"{"action":"subscribe","topic":7}"#,
            r#"{"action":"subscribe","topic":"event:x"}"#,
            r#"{"action":"ping","id":7}"#,
            &long_id,
        ] {
            assert_eq!(read(bad).unwrap_err().code, "invalid_message", "{bad}");
        }
        let padded = format!(r#"{{"action":"ping"{}}}"#, " ".repeat(MOST_BYTES));
        assert_eq!(read(&padded).unwrap_err().code, "message_too_large");
    }

    #[test]
    fn messages_have_the_documented_form() {
        let message = Message::Update {
            topic: Topic::Event(EventId::new(7)),
            state: State {
                version: 3,
                data: Data::Event(Availability {
                    event_id: EventId::new(7),
                    status: EventStatus::Published,
                    tickets: vec![TicketsLeft {
                        ticket_id: TicketTypeId::new(9),
                        quantity: 5,
                    }],
                }),
            },
        };
        assert_eq!(
            message.to_text().unwrap(),
            r#"{"type":"update","topic":"event:7","state":{"version":3,"data":{"eventId":7,"status":"published","tickets":[{"ticketId":9,"quantity":5}]}}}"#
        );
        let refusal = Message::refusal(&Error::not_found("Order"), Some(RequestId("a".to_owned())));
        assert_eq!(
            refusal.to_text().unwrap(),
            r#"{"type":"error","code":"not_found","message":"Order not found","id":"a"}"#
        );
    }

    #[test]
    fn looks_become_rarer_while_nothing_changes() {
        let mut pause = 0;
        let pauses: Vec<i64> = (0..5)
            .map(|_| {
                pause = next_pause(pause, false);
                pause
            })
            .collect();
        assert_eq!(pauses, [1, 2, 4, 4, 4]);
        assert_eq!(next_pause(4, true), 1);
        assert_eq!(
            [1, 9, 10, 200].map(telling_seconds),
            [0, 0, 1, 20],
            "100,000 followers take as long as the gateway lets them"
        );
    }
}

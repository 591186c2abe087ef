//! What organizers' own systems are told, how, and when it is tried again. The form is that of [Standard
//! Webhooks](https://www.standardwebhooks.com): a message has an id that stays, is signed, and comes at least once.

use crate::event::EventStatus;
use crate::order::OrderStatus;
use crate::text::texts;
use crate::{Error, EventId, RefundId, Rupiah, TicketTypeId, Timestamp, WebhookId};
use schemars::JsonSchema;
use serde::Serialize;

texts! {
    /// What its owner calls an endpoint; may be empty.
    #[derive(Default)]
    WebhookDescription: 0..=200, "";
}

/// Endpoints that one account may have.
pub const MOST_ENDPOINTS: u32 = 10;

/// Test messages that an endpoint may be sent in a minute.
pub const MOST_TESTS_A_MINUTE: u32 = 10;

/// Messages that one request sends again.
pub const MOST_REPLAYED: u32 = 1_000;

/// Seconds for which the secret before the last one signs, too.
pub const OVERLAP_SECONDS: i64 = 24 * 3_600;

/// Seconds for which messages and what became of them are kept.
pub const KEEP_SECONDS: i64 = 30 * 86_400;

/// Seconds for which a worker has a message to itself: longer than its function may run.
pub const LEASE_SECONDS: i64 = 60;

/// What has happened.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, JsonSchema,
)]
pub enum EventType {
    /// An order was paid; its tickets are issued.
    #[serde(rename = "order.paid")]
    OrderPaid,
    /// Nobody paid an order in time; what it held is on sale again.
    #[serde(rename = "order.expired")]
    OrderExpired,
    /// Money of an order went back, or tickets that cost nothing were taken back. Once for each refund.
    #[serde(rename = "order.refunded")]
    OrderRefunded,
    /// The payer's bank took the money of an order back; its tickets are void.
    #[serde(rename = "order.disputed")]
    OrderDisputed,
    /// An event is shown and its tickets are on sale.
    #[serde(rename = "event.published")]
    EventPublished,
    /// An event is a draft again.
    #[serde(rename = "event.unpublished")]
    EventUnpublished,
    /// An event was changed.
    #[serde(rename = "event.updated")]
    EventUpdated,
    /// An event was called off. Its refunds are told one by one.
    #[serde(rename = "event.cancelled")]
    EventCancelled,
    /// Nothing: its owner tries an endpoint. It cannot be subscribed to.
    #[serde(rename = "webhook.test")]
    Test,
}

impl EventType {
    /// Every happening.
    pub const ALL: [Self; 9] = [
        Self::OrderPaid,
        Self::OrderExpired,
        Self::OrderRefunded,
        Self::OrderDisputed,
        Self::EventPublished,
        Self::EventUnpublished,
        Self::EventUpdated,
        Self::EventCancelled,
        Self::Test,
    ];

    /// As stored and as in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OrderPaid => "order.paid",
            Self::OrderExpired => "order.expired",
            Self::OrderRefunded => "order.refunded",
            Self::OrderDisputed => "order.disputed",
            Self::EventPublished => "event.published",
            Self::EventUnpublished => "event.unpublished",
            Self::EventUpdated => "event.updated",
            Self::EventCancelled => "event.cancelled",
            Self::Test => "webhook.test",
        }
    }

    /// The happening of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|happening| happening.as_str() == name)
    }

    /// What organizers are told of an order that stood there and stands here now. Nothing of money that came for what could not be
    /// given, which was never theirs; refunds are told one by one.
    pub const fn of_order(from: OrderStatus, to: OrderStatus) -> Option<Self> {
        match (from, to) {
            (OrderStatus::Paid, OrderStatus::Disputed) => Some(Self::OrderDisputed),
            (OrderStatus::Paid, OrderStatus::Paid) => None,
            (_, OrderStatus::Paid) => Some(Self::OrderPaid),
            (OrderStatus::Pending, OrderStatus::Expired) => Some(Self::OrderExpired),
            _ => None,
        }
    }

    /// What its organizer is told of an event that stood there, if it existed, and stands here now. A change of where it stands
    /// tells the rest of what is different, too.
    pub fn of_event(from: Option<EventStatus>, to: EventStatus, changed: bool) -> Option<Self> {
        let moved = from != Some(to);
        match to {
            EventStatus::Published if moved => Some(Self::EventPublished),
            EventStatus::Cancelled if moved => Some(Self::EventCancelled),
            EventStatus::Draft if moved && from.is_some() => Some(Self::EventUnpublished),
            _ => (from.is_some() && changed).then_some(Self::EventUpdated),
        }
    }
}

/// The happenings that an endpoint is told of: at least one, each once, in a fixed order.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Subscription(#[schemars(length(min = 1))] Vec<EventType>);

impl Subscription {
    /// These happenings. `None` if there is none, or one that cannot be subscribed to.
    pub fn new(mut happenings: Vec<EventType>) -> Option<Self> {
        happenings.sort_unstable();
        happenings.dedup();
        let valid = !happenings.is_empty() && !happenings.contains(&EventType::Test);
        valid.then_some(Self(happenings))
    }

    /// Their names.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|happening| happening.as_str()).collect()
    }
}

impl<'de> serde::Deserialize<'de> for Subscription {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let happenings = Vec::deserialize(input)?;
        Self::new(happenings)
            .ok_or_else(|| serde::de::Error::custom("must name at least one event that can be subscribed to"))
    }
}

/// The version of the messages' form. Fields may be added to a version; nothing else about it changes.
pub const VERSION: u32 = 1;

/// A message as it is sent.
#[derive(Debug, Serialize)]
pub struct Message<T> {
    /// What has happened.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// When.
    pub timestamp: Timestamp,
    /// Version of this form: 1.
    pub version: u32,
    /// What it happened to; the API tells the rest.
    pub data: T,
}

impl<T: Serialize> Message<T> {
    /// The bytes of a message: they are signed, so they are written once and kept.
    ///
    /// # Errors
    /// If it cannot be written as JSON, which would be a mistake in its type.
    pub fn text(kind: EventType, timestamp: Timestamp, data: T) -> crate::Result<String> {
        let message = Self {
            kind,
            timestamp,
            version: VERSION,
            data,
        };
        serde_json::to_string(&message).map_err(Error::internal)
    }
}

/// What of an order concerns the receiver: the lines for their own events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WebhookOrder")]
pub struct OrderData {
    /// Code of the order.
    pub order_id: String,
    /// Rupiah of the lines below, fees and taxes included.
    pub total: Rupiah,
    /// What was ordered.
    pub items: Vec<OrderLine>,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WebhookOrderLine")]
pub struct OrderLine {
    /// Of which event.
    pub event_id: EventId,
    /// Which kind of ticket.
    pub ticket_id: TicketTypeId,
    /// How many.
    pub quantity: u32,
    /// Rupiah of the line, less what promo codes took off, fee and tax included.
    pub charged: Rupiah,
}

/// What of a refund concerns the receiver: what their own events give back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WebhookRefund")]
pub struct RefundData {
    /// Code of the order.
    pub order_id: String,
    /// The refund.
    pub refund_id: RefundId,
    /// Rupiah of the parts below.
    pub amount: Rupiah,
    /// What each event gives back.
    pub parts: Vec<RefundPart>,
}

/// What an event gives back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WebhookRefundPart")]
pub struct RefundPart {
    /// The event.
    pub event_id: EventId,
    /// Rupiah.
    pub amount: Rupiah,
    /// Tickets that were taken back.
    pub tickets: u32,
}

/// An event that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WebhookEvent")]
pub struct EventData {
    /// The event.
    pub event_id: EventId,
    /// Where it stands.
    pub status: EventStatus,
    /// Fields that are different now, as the API names them.
    pub changed: Vec<String>,
}

/// A message that its owner asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WebhookTest")]
pub struct TestData {
    /// The endpoint.
    pub webhook_id: WebhookId,
}

/// Why an endpoint gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhyDisabled {
    /// Its owner said so.
    Owner,
    /// It has taken nothing for days.
    Failing,
    /// It answered that it is gone for good (410).
    Gone,
}

impl WhyDisabled {
    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Failing => "failing",
            Self::Gone => "gone",
        }
    }

    /// The reason of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Owner, Self::Failing, Self::Gone]
            .into_iter()
            .find(|why| why.as_str() == name)
    }
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is to be sent, or sent again.
    Pending,
    /// The endpoint took it.
    Delivered,
    /// It was given up; its owner can have it sent again.
    Failed,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// Pauses between one try and the next, in seconds: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. Together three days.
const PAUSES: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// The pause after so many tries, made longer by up to a fifth, so that what failed together is not tried together again.
/// `spread` is a random number. `None` if it is to be given up.
pub fn pause(tries: u32, spread: u32) -> Option<i64> {
    let index = usize::try_from(tries.checked_sub(1)?).ok()?;
    let pause = *PAUSES.get(index)?;
    Some(pause + pause * i64::from(spread % 1_000) / 5_000)
}

/// Failures in a row after which an endpoint is left alone for a while: its other messages wait, too, so that a dead endpoint
/// with many messages does not keep the workers from everybody else's.
const PATIENCE: u32 = 3;

/// Seconds for which an endpoint is left alone after so many failures in a row: half a minute, doubling up to a quarter of an
/// hour. `None` while there is hope.
pub fn rest(failures: u32) -> Option<i64> {
    let doublings = failures.checked_sub(PATIENCE)?.min(5);
    Some((30 << doublings).min(900))
}

/// Failures in a row with one more, of a try that began at so many and ends at so many. Those that were under way together count
/// as one: the later ones say nothing that the first did not.
pub fn failures(at_begin: u32, by_now: u32) -> u32 {
    if by_now > at_begin {
        by_now
    } else {
        by_now.saturating_add(1)
    }
}

/// Seconds of failures, without one success, after which an endpoint is disabled.
pub const DISABLED_AFTER_SECONDS: i64 = 3 * 86_400;

/// What an endpoint made of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reception {
    /// It took it.
    Taken,
    /// It did not, or nobody answered.
    Refused,
    /// It does not exist any more and wants no message ever.
    Gone,
}

impl Reception {
    /// What a status means. Redirects are refusals: whoever moves says so by changing the endpoint.
    pub const fn of(status: u16) -> Self {
        match status {
            200..=299 => Self::Taken,
            410 => Self::Gone,
            _ => Self::Refused,
        }
    }
}

/// What becomes of a delivery and of its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Where the delivery stands.
    pub state: DeliveryState,
    /// When it is tried again.
    pub again_at: Option<Timestamp>,
    /// Until when the endpoint is left alone.
    pub rest_until: Option<Timestamp>,
    /// Why the endpoint gets nothing from now on.
    pub disabled: Option<WhyDisabled>,
}

/// Judges what came of a try. `tries` and `failures` count this one; `failing_since` is the time of the first failure since the
/// last success.
pub fn judge(
    reception: Reception,
    tries: u32,
    failures: u32,
    failing_since: Timestamp,
    spread: u32,
    now: Timestamp,
) -> Verdict {
    let ended = |state, disabled| Verdict {
        state,
        again_at: None,
        rest_until: None,
        disabled,
    };
    match reception {
        Reception::Taken => ended(DeliveryState::Delivered, None),
        Reception::Gone => ended(DeliveryState::Failed, Some(WhyDisabled::Gone)),
        Reception::Refused if now.seconds_since(failing_since) >= DISABLED_AFTER_SECONDS => {
            ended(DeliveryState::Failed, Some(WhyDisabled::Failing))
        }
        Reception::Refused => {
            let again_at = pause(tries, spread).map(|pause| now.plus_seconds(pause));
            Verdict {
                state: match again_at {
                    Some(_) => DeliveryState::Pending,
                    None => DeliveryState::Failed,
                },
                again_at,
                rest_until: rest(failures).map(|rest| now.plus_seconds(rest)),
                disabled: None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Timestamp {
        Timestamp::parse("2030-01-01T12:00:00Z").unwrap()
    }

    #[test]
    fn happenings_and_states_have_one_name() {
        for happening in EventType::ALL {
            assert_eq!(EventType::parse(happening.as_str()), Some(happening));
            assert_eq!(serde_json::to_value(happening).unwrap(), happening.as_str());
        }
        for state in DeliveryState::ALL {
            assert_eq!(DeliveryState::parse(state.as_str()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        for why in [WhyDisabled::Owner, WhyDisabled::Failing, WhyDisabled::Gone] {
            assert_eq!(WhyDisabled::parse(why.as_str()), Some(why));
            assert_eq!(serde_json::to_value(why).unwrap(), why.as_str());
        }
    }

    #[test]
    fn what_failed_together_failed_once() {
        assert_eq!(
            (failures(0, 0), failures(2, 2)),
            (1, 3),
            "nothing failed meanwhile"
        );
        assert_eq!((failures(0, 1), failures(2, 5)), (1, 5), "something did");
        assert_eq!(failures(3, 0), 1, "something was taken meanwhile");
    }

    #[test]
    fn of_an_order_what_concerns_its_organizers_is_told_once() {
        use OrderStatus::{Disputed, Expired, Paid, Pending, RefundDue, Refunded};
        for (from, to, told) in [
            (Pending, Paid, Some(EventType::OrderPaid)),
            (Expired, Paid, Some(EventType::OrderPaid)),
            (Paid, Paid, None),
            (Pending, Expired, Some(EventType::OrderExpired)),
            (Expired, Expired, None),
            (Paid, Disputed, Some(EventType::OrderDisputed)),
            (Pending, Disputed, None),
            (Pending, RefundDue, None),
            (Paid, Refunded, None),
        ] {
            assert_eq!(EventType::of_order(from, to), told, "{from:?} {to:?}");
        }
    }

    #[test]
    fn of_an_event_one_thing_is_told_at_a_time() {
        use EventStatus::{Cancelled, Draft, Published};
        for (from, to, changed, told) in [
            (None, Draft, true, None),
            (None, Published, true, Some(EventType::EventPublished)),
            (Some(Draft), Published, true, Some(EventType::EventPublished)),
            (Some(Published), Draft, true, Some(EventType::EventUnpublished)),
            (Some(Published), Cancelled, true, Some(EventType::EventCancelled)),
            (Some(Draft), Draft, true, Some(EventType::EventUpdated)),
            (Some(Published), Published, true, Some(EventType::EventUpdated)),
            (Some(Published), Published, false, None),
        ] {
            assert_eq!(EventType::of_event(from, to, changed), told, "{from:?} {to:?}");
        }
    }

    #[test]
    fn a_subscription_names_something_each_once() {
        let read = |json: &str| serde_json::from_str::<Subscription>(json).ok();
        let both = read(r#"["event.cancelled","order.paid","event.cancelled"]"#).unwrap();
        assert_eq!(both.names(), ["order.paid", "event.cancelled"]);
        for bad in [
            "[]",
            r#"["webhook.test"]"#,
            r#"["order"]"#,
            r#""order.paid""#,
            "null",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_message_says_what_when_and_in_which_form() {
        let data = OrderData {
            order_id: "ORDER-1".to_owned(),
            total: Rupiah::new(100_000).unwrap(),
            items: vec![OrderLine {
                event_id: EventId::new(3),
                ticket_id: TicketTypeId::new(7),
                quantity: 2,
                charged: Rupiah::new(100_000).unwrap(),
            }],
        };
        let text = Message::text(EventType::OrderPaid, noon(), data).unwrap();
        assert_eq!(
            text,
            r#"{"type":"order.paid","timestamp":"2030-01-01T12:00:00.000Z","version":1,"data":{"orderId":"ORDER-1","total":100000,"items":[{"eventId":3,"ticketId":7,"quantity":2,"charged":100000}]}}"#
        );
    }

    #[test]
    fn pauses_grow_over_three_days_and_end() {
        assert_eq!(pause(0, 0), None);
        assert_eq!(pause(1, 0), Some(5));
        assert_eq!(pause(1, 999), Some(5));
        assert_eq!(pause(9, 0), Some(86_400));
        assert_eq!(pause(9, u32::MAX), Some(86_400 + 86_400 * 295 / 5_000));
        assert_eq!(pause(10, 0), None);
        assert_eq!(pause(u32::MAX, 0), None);
        let all = (1..=9).filter_map(|tries| pause(tries, 0));
        assert!((3 * 86_400..4 * 86_400).contains(&all.sum::<i64>()));
        for tries in 1..9 {
            assert!(pause(tries, 999) < pause(tries + 1, 0), "{tries}");
        }
    }

    #[test]
    fn who_fails_again_and_again_is_left_alone_longer_and_longer() {
        let rests = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 100].map(rest);
        let known = [30, 60, 120, 240, 480, 900, 900, 900].map(Some);
        assert_eq!(rests[..3], [None; 3]);
        assert_eq!(rests[3..], known);
        assert_eq!(rest(u32::MAX), Some(900));
    }

    #[test]
    fn only_a_success_is_one() {
        for status in [
            100, 199, 300, 301, 302, 304, 307, 308, 400, 401, 404, 429, 500, 503, 599,
        ] {
            assert_eq!(Reception::of(status), Reception::Refused, "{status}");
        }
        assert_eq!([200, 202, 204, 299].map(Reception::of), [Reception::Taken; 4]);
        assert_eq!(Reception::of(410), Reception::Gone);
    }

    #[test]
    fn a_try_ends_a_delivery_puts_it_off_or_disables_its_endpoint() {
        let now = noon();
        let judge = |reception, tries, failures, days: i64| {
            judge(
                reception,
                tries,
                failures,
                now.plus_seconds(-days * 86_400),
                0,
                now,
            )
        };
        let taken = judge(Reception::Taken, 1, 0, 0);
        assert_eq!((taken.state, taken.again_at), (DeliveryState::Delivered, None));
        let first = judge(Reception::Refused, 1, 1, 0);
        assert_eq!(first.state, DeliveryState::Pending);
        assert_eq!(
            (first.again_at, first.rest_until),
            (Some(now.plus_seconds(5)), None)
        );
        let third = judge(Reception::Refused, 3, 3, 0);
        assert_eq!(third.rest_until, Some(now.plus_seconds(30)));
        let last = judge(Reception::Refused, 10, 10, 2);
        assert_eq!(
            (last.state, last.again_at, last.disabled),
            (DeliveryState::Failed, None, None)
        );
        let dead = judge(Reception::Refused, 1, 40, 3);
        assert_eq!(
            (dead.state, dead.disabled),
            (DeliveryState::Failed, Some(WhyDisabled::Failing))
        );
        let gone = judge(Reception::Gone, 1, 1, 0);
        assert_eq!(
            (gone.state, gone.disabled),
            (DeliveryState::Failed, Some(WhyDisabled::Gone))
        );
    }
}

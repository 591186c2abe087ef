//! Faults to inject: rules that match calls, notifications and message bodies.

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::api::Operation;
use crate::message::Quirks;
use crate::transaction::Status;

/// All rules, as `PUT /admin/faults` takes them and `GET` shows them. A section is one rule or a list of rules.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FaultSet {
    /// Limit for all rules that have none of their own.
    #[serde(skip_serializing)]
    order_id: Option<String>,
    /// Limit for all rules that have none of their own.
    #[serde(skip_serializing)]
    times: Option<u32>,
    #[serde(deserialize_with = "one_or_many")]
    snap_create: Vec<ApiFault>,
    #[serde(deserialize_with = "one_or_many")]
    core: Vec<ApiFault>,
    #[serde(deserialize_with = "one_or_many")]
    notifications: Vec<NotificationFault>,
    #[serde(deserialize_with = "one_or_many")]
    body: Vec<BodyFault>,
}

/// What goes wrong with one API call.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ApiFault {
    order_id: Option<String>,
    times: Option<u32>,
    /// Core only: `status`, `charge`, `cancel`, …; absent means every operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    /// Answer with this HTTP status instead of doing anything.
    pub(crate) respond: Option<u16>,
    /// Wait before anything else. The call is carried out even if the client gives up meanwhile.
    pub(crate) delay_ms: u64,
    /// Never answer and do nothing (with `lose_reply`: do it, then never answer).
    pub(crate) hang: bool,
    /// Close the connection and do nothing.
    #[serde(alias = "drop_connection")]
    pub(crate) drop: bool,
    /// Carry the call out, then close the connection instead of answering.
    pub(crate) lose_reply: bool,
    /// Carry the call out, then send only the first half of the answer's JSON.
    pub(crate) malformed_json: bool,
}

/// What goes wrong with one notification.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NotificationFault {
    order_id: Option<String>,
    times: Option<u32>,
    /// Only notifications with this `transaction_status`.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// Send this many extra copies.
    pub(crate) duplicate: u32,
    /// Send it later; those that follow overtake it.
    pub(crate) delay_ms: u64,
    /// Hold it back until the order's next notification has been sent, at most three seconds.
    pub(crate) reorder: bool,
    /// Do not send it at all.
    pub(crate) drop: bool,
    pub(crate) wrong_signature: bool,
    /// After a successful payment, send the earlier "pending" message again.
    pub(crate) pending_after_settlement: bool,
    /// After settlement, reverse the payment: state and notification `deny`.
    pub(crate) deny_after_settlement: bool,
    /// After expiry, settle all the same.
    pub(crate) settlement_after_expire: bool,
    /// Time until the event the three switches above add; default one second.
    pub(crate) after_ms: Option<u64>,
}

impl NotificationFault {
    pub(crate) fn adds_pending(&self, status: Status) -> bool {
        self.pending_after_settlement && matches!(status, Status::Settlement | Status::Capture)
    }

    pub(crate) fn adds_deny(&self, status: Status) -> bool {
        self.deny_after_settlement && status == Status::Settlement
    }

    pub(crate) fn adds_settlement(&self, status: Status) -> bool {
        self.settlement_after_expire && status == Status::Expire
    }

    fn concerns(&self, status: Status) -> bool {
        if self
            .status
            .as_deref()
            .is_some_and(|wanted| wanted != status.as_str())
        {
            return false;
        }
        let always =
            self.duplicate > 0 || self.delay_ms > 0 || self.reorder || self.drop || self.wrong_signature;
        always || self.adds_pending(status) || self.adds_deny(status) || self.adds_settlement(status)
    }

    /// Names of the switches at work, for the history.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let switches = [
            (self.duplicate > 0, "duplicate"),
            (self.delay_ms > 0, "delay"),
            (self.reorder, "reorder"),
            (self.drop, "drop"),
            (self.wrong_signature, "wrong_signature"),
        ];
        switches
            .into_iter()
            .filter_map(|(on, name)| on.then_some(name))
            .collect()
    }
}

/// Oddities of message bodies and answers.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BodyFault {
    order_id: Option<String>,
    times: Option<u32>,
    /// Rupiah the customer pays on top of the order's amount; fixed when the payment method is chosen.
    fee_adjusted_amount: i64,
    /// Notifications of BSI virtual accounts carry the transaction id as `order_id`.
    bsi_order_id_quirk: bool,
    capitalised_status: bool,
    integer_status_code: bool,
    /// A wrong key is answered with HTTP 200 and 401 in the body, as in old recordings.
    core_401_as_http_200: bool,
    /// A refund key used twice gets the first answer again instead of 406.
    replay_original_refund: bool,
}

/// How a rule is limited.
trait Rule: Clone {
    fn order_id(&mut self) -> &mut Option<String>;
    fn times(&mut self) -> &mut Option<u32>;
}

macro_rules! rule {
    ($($name:ty),*) => {$(
        impl Rule for $name {
            fn order_id(&mut self) -> &mut Option<String> {
                &mut self.order_id
            }
            fn times(&mut self) -> &mut Option<u32> {
                &mut self.times
            }
        }
    )*};
}
rule!(ApiFault, NotificationFault, BodyFault);

impl FaultSet {
    /// Reads rules; the error is for the person who sent them.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, String> {
        let mut set: Self = serde_json::from_slice(json).map_err(|error| format!("faults: {error}"))?;
        for fault in set.snap_create.iter().chain(&set.core) {
            if let Some(status) = fault.respond
                && !(400..=599).contains(&status)
            {
                return Err(format!(
                    "faults: respond must be an error status from 400 to 599, not {status}"
                ));
            }
            if let Some(operation) = &fault.operation
                && !Operation::CORE.iter().any(|known| known.is_called(operation))
            {
                let known: Vec<&str> = Operation::CORE.iter().map(|known| known.name()).collect();
                return Err(format!(
                    "faults: unknown operation {operation:?}; known are {}",
                    known.join(", ")
                ));
            }
        }
        let (order_id, times) = (set.order_id.take(), set.times.take());
        inherit(&mut set.snap_create, order_id.as_deref(), times);
        inherit(&mut set.core, order_id.as_deref(), times);
        inherit(&mut set.notifications, order_id.as_deref(), times);
        inherit(&mut set.body, order_id.as_deref(), times);
        Ok(set)
    }

    /// The rule for an API call, if one matches.
    pub(crate) fn api(&mut self, operation: Operation, order_id: &str) -> Option<ApiFault> {
        if operation == Operation::SnapCreate {
            return take(&mut self.snap_create, order_id, |_| true);
        }
        if !Operation::CORE.contains(&operation) {
            return None;
        }
        take(&mut self.core, order_id, |fault| {
            fault
                .operation
                .as_deref()
                .is_none_or(|wanted| operation.is_called(wanted))
        })
    }

    /// The rule for a notification about this state, if one matches.
    pub(crate) fn notification(&mut self, order_id: &str, status: Status) -> Option<NotificationFault> {
        take(&mut self.notifications, order_id, |fault| fault.concerns(status))
    }

    /// Oddities of one body.
    pub(crate) fn quirks(&mut self, order_id: &str, is_bsi: bool) -> Quirks {
        Quirks {
            capitalised_status: self.body(order_id, |fault| fault.capitalised_status),
            integer_status_code: self.body(order_id, |fault| fault.integer_status_code),
            transaction_id_as_order_id: is_bsi && self.body(order_id, |fault| fault.bsi_order_id_quirk),
        }
    }

    /// Fee in rupiah for a new attempt.
    pub(crate) fn fee(&mut self, order_id: &str) -> i64 {
        take(&mut self.body, order_id, |fault| fault.fee_adjusted_amount > 0)
            .map_or(0, |fault| fault.fee_adjusted_amount)
    }

    pub(crate) fn hides_401(&mut self, order_id: &str) -> bool {
        self.body(order_id, |fault| fault.core_401_as_http_200)
    }

    pub(crate) fn replays_refund(&mut self, order_id: &str) -> bool {
        self.body(order_id, |fault| fault.replay_original_refund)
    }

    fn body(&mut self, order_id: &str, wanted: impl Fn(&BodyFault) -> bool) -> bool {
        take(&mut self.body, order_id, wanted).is_some()
    }
}

fn inherit<R: Rule>(rules: &mut [R], order_id: Option<&str>, times: Option<u32>) {
    for rule in rules {
        if rule.order_id().is_none() {
            *rule.order_id() = order_id.map(str::to_owned);
        }
        if rule.times().is_none() {
            *rule.times() = times;
        }
    }
}

/// The first matching rule; counts it and removes it when it is used up.
fn take<R: Rule>(rules: &mut Vec<R>, order_id: &str, wanted: impl Fn(&R) -> bool) -> Option<R> {
    let place = rules.iter_mut().position(|rule| {
        let here = rule
            .order_id()
            .as_deref()
            .is_none_or(|limited_to| limited_to == order_id);
        here && *rule.times() != Some(0) && wanted(rule)
    })?;
    let rule = rules.get_mut(place)?;
    let found = rule.clone();
    if let Some(times) = rule.times() {
        *times -= 1;
        if *times == 0 {
            rules.remove(place);
        }
    }
    Some(found)
}

fn one_or_many<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let rules = match Value::deserialize(deserializer)? {
        Value::Array(rules) => rules,
        Value::Null => Vec::new(),
        rule => vec![rule],
    };
    rules
        .into_iter()
        .map(|rule| serde_json::from_value(rule).map_err(serde::de::Error::custom))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> FaultSet {
        FaultSet::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn a_rule_is_limited_by_order_operation_and_times() {
        let mut faults =
            parse(r#"{"core": {"operation": "refund", "respond": 503, "times": 2, "order_id": "A"}}"#);
        assert!(faults.api(Operation::Status, "A").is_none());
        assert!(faults.api(Operation::Refund, "B").is_none());
        assert!(faults.api(Operation::SnapCreate, "A").is_none());
        assert_eq!(faults.api(Operation::Refund, "A").unwrap().respond, Some(503));
        assert!(
            faults.api(Operation::DirectRefund, "A").is_some(),
            "refund means both kinds"
        );
        assert!(faults.api(Operation::Refund, "A").is_none(), "used up");
    }

    #[test]
    fn limits_at_the_top_are_inherited() {
        let mut faults =
            parse(r#"{"times": 1, "order_id": "A", "notifications": [{"drop": true}, {"duplicate": 2}]}"#);
        assert!(faults.notification("B", Status::Pending).is_none());
        assert!(faults.notification("A", Status::Pending).unwrap().drop);
        assert_eq!(faults.notification("A", Status::Settlement).unwrap().duplicate, 2);
        assert!(faults.notification("A", Status::Settlement).is_none());
    }

    #[test]
    fn a_rule_is_not_used_up_by_messages_it_does_not_change() {
        let mut faults = parse(r#"{"notifications": {"deny_after_settlement": true, "times": 1}}"#);
        assert!(faults.notification("A", Status::Pending).is_none());
        assert!(faults.notification("A", Status::Settlement).is_some());
        let mut faults = parse(r#"{"notifications": {"drop": true, "status": "settlement"}}"#);
        assert!(faults.notification("A", Status::Pending).is_none());
        assert!(faults.notification("A", Status::Settlement).is_some());
    }

    #[test]
    fn mistakes_are_explained() {
        let error = |json: &str| FaultSet::parse(json.as_bytes()).unwrap_err();
        assert!(error(r#"{"core": {"respnd": 500}}"#).contains("respnd"));
        assert!(error(r#"{"core": {"respond": 200}}"#).contains("400 to 599"));
        assert!(error(r#"{"core": {"operation": "statsu"}}"#).contains("known are charge, status"));
        assert!(error("[").starts_with("faults: "));
    }
}

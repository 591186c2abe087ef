//! What is to be sent to whom, and the history of it. The sending itself is in [`crate::delivery`].

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::faults::NotificationFault;
use crate::message::{self, Body};
use crate::transaction::{Fraud, Status, Targets, Transaction};
use crate::world::{Effect, World};

/// Notifications of one order to one URL are sent one after the other, so that without a fault they arrive in order.
pub(crate) type QueueKey = (String, String);

/// How long a reorder fault holds a notification back when no other follows.
const HOLD: Duration = Duration::from_secs(3);
/// Pause before an event that a fault adds, unless the fault says otherwise.
const AFTERMATH: Duration = Duration::from_secs(1);
/// Older deliveries are forgotten.
const HISTORY: usize = 10_000;

/// An event that a fault adds after a normal one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aftermath {
    /// The pending message once more; the state stays.
    PendingAgain,
    /// The payment is reversed.
    Deny,
    /// The payment arrives after all.
    Settle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeliveryState {
    Queued,
    Held,
    Delayed,
    WaitingForRetry,
    Delivered,
    Failed,
    /// A fault swallowed it.
    Dropped,
    /// There was no URL to send it to.
    NoUrl,
}

impl DeliveryState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Held => "held",
            Self::Delayed => "delayed",
            Self::WaitingForRetry => "waiting_for_retry",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
            Self::NoUrl => "no_url",
        }
    }
}

/// One try to deliver a notification.
#[derive(Clone, Debug)]
pub(crate) struct Try {
    pub(crate) at: Timestamp,
    pub(crate) took: Duration,
    /// The receiver's HTTP status, or why there is none.
    pub(crate) result: Result<u16, String>,
    /// URLs a 307 or 308 led to.
    pub(crate) redirects: Vec<String>,
}

/// One notification to one URL.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) id: u64,
    pub(crate) order_id: String,
    pub(crate) transaction_id: String,
    pub(crate) url: String,
    pub(crate) body: Arc<Body>,
    pub(crate) faults: Vec<&'static str>,
    pub(crate) state: DeliveryState,
    pub(crate) created_at: Timestamp,
    pub(crate) tries: Vec<Try>,
}

impl Delivery {
    pub(crate) fn to_json(&self) -> Value {
        let tries: Vec<Value> = self
            .tries
            .iter()
            .map(|attempt| {
                json!({
                    "at": attempt.at.to_string(),
                    "duration_ms": u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
                    "status": attempt.result.as_ref().ok(),
                    "error": attempt.result.as_ref().err(),
                    "redirects": attempt.redirects,
                })
            })
            .collect();
        json!({
            "id": self.id,
            "order_id": self.order_id,
            "transaction_id": self.transaction_id,
            "transaction_status": self.body.get("transaction_status"),
            "url": (!self.url.is_empty()).then_some(&self.url),
            "state": self.state.as_str(),
            "faults": self.faults,
            "created_at": self.created_at.to_string(),
            "attempts": tries,
            "body": *self.body,
        })
    }
}

/// All deliveries, by id.
#[derive(Debug)]
pub(crate) struct Outbox {
    deliveries: BTreeMap<u64, Delivery>,
    next_id: u64,
    /// Waiting deliveries of each queue that has a worker.
    queues: HashMap<QueueKey, VecDeque<u64>>,
    /// Deliveries a reorder fault holds back, by order.
    held: HashMap<String, Vec<u64>>,
}

impl Default for Outbox {
    fn default() -> Self {
        Self::starting_at(1)
    }
}

impl Outbox {
    pub(crate) fn starting_at(next_id: u64) -> Self {
        Self {
            deliveries: BTreeMap::new(),
            next_id,
            queues: HashMap::new(),
            held: HashMap::new(),
        }
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.next_id
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Delivery> {
        self.deliveries.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: u64) -> Option<&mut Delivery> {
        self.deliveries.get_mut(&id)
    }

    /// Newest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Delivery> {
        self.deliveries.values().rev()
    }

    /// The next delivery of a queue; without one the queue ends, and so must its worker.
    pub(crate) fn next_in_queue(&mut self, key: &QueueKey) -> Option<u64> {
        let next = self.queues.get_mut(key).and_then(VecDeque::pop_front);
        if next.is_none() {
            self.queues.remove(key);
        }
        next
    }

    fn add(&mut self, mut delivery: Delivery) -> u64 {
        delivery.id = self.next_id;
        self.next_id += 1;
        self.deliveries.insert(delivery.id, delivery);
        if self.deliveries.len() > HISTORY {
            self.deliveries.pop_first();
        }
        self.next_id - 1
    }
}

/// A notification before it is known where it goes.
pub(crate) struct Letter {
    pub(crate) order_id: String,
    pub(crate) transaction_id: String,
    pub(crate) body: Body,
    pub(crate) urls: Vec<String>,
}

impl World {
    /// Notifies the merchant of a transaction's present state.
    pub(crate) fn announce(&mut self, now: Timestamp, transaction_id: &str) {
        let Some(transaction) = self.transactions.get(transaction_id) else {
            return;
        };
        let (order_id, status) = (transaction.order_id.clone(), transaction.status);
        let letter = self.letter(&transaction.clone());
        let rule = self.faults.notification(&order_id, status).unwrap_or_default();
        self.post(now, letter, &rule);
        let after = rule.after_ms.map_or(AFTERMATH, Duration::from_millis);
        let added = [
            (rule.adds_pending(status), Aftermath::PendingAgain),
            (rule.adds_deny(status), Aftermath::Deny),
            (rule.adds_settlement(status), Aftermath::Settle),
        ];
        for (_, what) in added.into_iter().filter(|(wanted, _)| *wanted) {
            self.effects.push(Effect::Aftermath {
                after,
                transaction_id: transaction_id.to_owned(),
                what,
            });
        }
    }

    /// The notification of a transaction's state as it stands in `transaction`.
    pub(crate) fn letter(&mut self, transaction: &Transaction) -> Letter {
        let is_bsi = transaction.method.provider == "bsi";
        let quirks = self.faults.quirks(&transaction.order_id, is_bsi);
        let dashboard = self.config.notification_url.clone();
        let urls = match &transaction.targets {
            Targets::Dashboard => dashboard.into_iter().collect(),
            Targets::Only(urls) => urls.clone(),
            Targets::Also(urls) => dashboard.into_iter().chain(urls.iter().cloned()).collect(),
        };
        Letter {
            order_id: transaction.order_id.clone(),
            transaction_id: transaction.id.clone(),
            body: message::notification(transaction, &self.config, quirks),
            urls,
        }
    }

    /// Puts a notification on its way and returns the ids of its deliveries.
    pub(crate) fn post(&mut self, now: Timestamp, mut letter: Letter, rule: &NotificationFault) -> Vec<u64> {
        if rule.wrong_signature {
            spoil_signature(&mut letter.body);
        }
        let body = Arc::new(letter.body);
        let earlier = self.outbox.held.remove(&letter.order_id);
        let hold = rule.reorder && earlier.is_none();
        let mut urls = letter.urls;
        if urls.is_empty() {
            urls.push(String::new());
        }
        let mut ids = Vec::new();
        for url in urls {
            for _ in 0..=rule.duplicate {
                let delivery = Delivery {
                    id: 0,
                    order_id: letter.order_id.clone(),
                    transaction_id: letter.transaction_id.clone(),
                    url: url.clone(),
                    body: Arc::clone(&body),
                    faults: rule.names(),
                    state: match () {
                        () if url.is_empty() => DeliveryState::NoUrl,
                        () if rule.drop => DeliveryState::Dropped,
                        () if hold => DeliveryState::Held,
                        () if rule.delay_ms > 0 => DeliveryState::Delayed,
                        () => DeliveryState::Queued,
                    },
                    created_at: now,
                    tries: Vec::new(),
                };
                let state = delivery.state;
                let id = self.outbox.add(delivery);
                ids.push(id);
                match state {
                    DeliveryState::Queued => self.queue(id),
                    DeliveryState::Held => {
                        self.outbox
                            .held
                            .entry(letter.order_id.clone())
                            .or_default()
                            .push(id);
                    }
                    DeliveryState::Delayed => {
                        let after = Duration::from_millis(rule.delay_ms);
                        self.effects.push(Effect::DeliverLater { after, delivery: id });
                    }
                    _ => {}
                }
            }
        }
        for id in earlier.into_iter().flatten() {
            self.queue(id);
        }
        if hold {
            self.effects.push(Effect::ReleaseHeld {
                after: HOLD,
                order_id: letter.order_id,
            });
        }
        ids
    }

    /// Sends what is still held back for an order.
    pub(crate) fn release_held(&mut self, order_id: &str) {
        for id in self.outbox.held.remove(order_id).into_iter().flatten() {
            self.queue(id);
        }
    }

    /// Carries out what a fault added.
    pub(crate) fn aftermath(&mut self, now: Timestamp, transaction_id: &str, what: Aftermath) {
        let Some(transaction) = self.transactions.get(transaction_id) else {
            return;
        };
        match what {
            Aftermath::PendingAgain => {
                let mut stale = transaction.clone();
                stale.status = Status::Pending;
                stale.fraud = Fraud::Accept;
                stale.settled_at = None;
                let letter = self.letter(&stale);
                self.post(now, letter, &NotificationFault::default());
            }
            Aftermath::Deny if transaction.status == Status::Settlement => {
                self.transition(now, transaction_id, Status::Deny);
            }
            Aftermath::Settle if transaction.status == Status::Expire => {
                self.transition(now, transaction_id, Status::Settlement);
            }
            Aftermath::Deny | Aftermath::Settle => {}
        }
    }

    fn queue(&mut self, id: u64) {
        let Some(delivery) = self.outbox.deliveries.get_mut(&id) else {
            return;
        };
        delivery.state = DeliveryState::Queued;
        let key = (delivery.order_id.clone(), delivery.url.clone());
        match self.outbox.queues.get_mut(&key) {
            Some(queue) => queue.push_back(id),
            None => {
                self.outbox.queues.insert(key.clone(), VecDeque::from([id]));
                self.effects.push(Effect::RunQueue(key));
            }
        }
    }
}

/// Replaces the signature by one of the same form that does not match.
pub(crate) fn spoil_signature(body: &mut Body) {
    if let Some(Value::String(key)) = body.get_mut("signature_key") {
        *key = key
            .chars()
            .rev()
            .map(|digit| if digit == '0' { '1' } else { '0' })
            .collect();
    }
}

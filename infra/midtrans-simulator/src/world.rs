//! The whole state of the simulator. Everything here is synchronous and runs under one lock; what must happen
//! outside (calls, timers) is left behind as an [`Effect`].

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::config::Config;
use crate::faults::FaultSet;
use crate::idempotency::Replies;
use crate::journal::Journal;
use crate::notifications::{Aftermath, Outbox};
use crate::snap_request::SnapRequest;
use crate::transaction::{Status, Targets, Transaction};

/// Work that a change of state leaves to be done outside the lock.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Start the worker of one notification queue.
    RunQueue(crate::notifications::QueueKey),
    /// Send one notification on its own, after a while.
    DeliverLater { after: Duration, delivery: u64 },
    /// Send what a reorder fault held back, if it is still held.
    ReleaseHeld { after: Duration, order_id: String },
    /// The bank confirms a refund.
    ConfirmRefund {
        after: Duration,
        transaction_id: String,
        refund_id: u64,
    },
    /// Something a fault adds after a normal event.
    Aftermath {
        after: Duration,
        transaction_id: String,
        what: Aftermath,
    },
}

/// A Snap token and what it was made for.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) token: String,
    pub(crate) state: SessionState,
    pub(crate) created_at: Timestamp,
    /// End of the payment page.
    pub(crate) expires_at: Timestamp,
    pub(crate) request: SnapRequest,
    pub(crate) targets: Targets,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionState {
    Open,
    /// Another token was made for the same order.
    Replaced,
    /// Cancelled through the Snap API.
    Canceled,
    /// The order was cancelled or expired.
    Closed,
}

impl SessionState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Replaced => "replaced",
            Self::Canceled => "canceled",
            Self::Closed => "closed",
        }
    }
}

/// Everything known under one `order_id`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order {
    pub(crate) sessions: Vec<Session>,
    /// Transaction ids, oldest first.
    pub(crate) attempts: Vec<String>,
}

pub(crate) struct World {
    pub(crate) config: Arc<Config>,
    pub(crate) public_url: String,
    pub(crate) orders: HashMap<String, Order>,
    /// Order ids in order of appearance.
    pub(crate) order_ids: Vec<String>,
    /// Order id of each Snap token.
    pub(crate) tokens: HashMap<String, String>,
    pub(crate) transactions: HashMap<String, Transaction>,
    /// Pending transactions by the end of their time.
    pub(crate) due: BTreeSet<(Timestamp, String)>,
    /// Account numbers of pending transactions.
    pub(crate) account_numbers: HashSet<String>,
    /// Card numbers behind the tokens made for Core charges.
    pub(crate) card_tokens: HashMap<String, String>,
    pub(crate) next_refund_id: u64,
    pub(crate) faults: FaultSet,
    pub(crate) replies: Replies,
    pub(crate) journal: Journal,
    pub(crate) outbox: Outbox,
    pub(crate) effects: Vec<Effect>,
}

impl World {
    pub(crate) fn new(config: Arc<Config>, public_url: String) -> Self {
        Self {
            config,
            public_url,
            orders: HashMap::new(),
            order_ids: Vec::new(),
            tokens: HashMap::new(),
            transactions: HashMap::new(),
            due: BTreeSet::new(),
            account_numbers: HashSet::new(),
            card_tokens: HashMap::new(),
            next_refund_id: 1,
            faults: FaultSet::default(),
            replies: Replies::default(),
            journal: Journal::default(),
            outbox: Outbox::default(),
            effects: Vec::new(),
        }
    }

    /// Forgets everything. Work under way finds nothing left to do, because ids are not used again.
    pub(crate) fn reset(&mut self) {
        let next_delivery = self.outbox.next_id();
        *self = Self::new(Arc::clone(&self.config), self.public_url.clone());
        self.outbox = Outbox::starting_at(next_delivery);
    }

    /// The order, made if it is new.
    pub(crate) fn order_mut(&mut self, order_id: &str) -> &mut Order {
        if !self.orders.contains_key(order_id) {
            self.order_ids.push(order_id.to_owned());
        }
        self.orders.entry(order_id.to_owned()).or_default()
    }

    /// Attempts of an order, oldest first.
    pub(crate) fn attempts(&self, order_id: &str) -> impl DoubleEndedIterator<Item = &Transaction> {
        let ids = self
            .orders
            .get(order_id)
            .map(|order| order.attempts.as_slice())
            .unwrap_or_default();
        ids.iter().filter_map(|id| self.transactions.get(id))
    }

    /// The attempt that speaks for an order: one with money in it if there is any, otherwise the latest.
    pub(crate) fn current(&self, order_id: &str) -> Option<&Transaction> {
        let with_money = self
            .attempts(order_id)
            .rev()
            .find(|attempt| attempt.status.has_money());
        with_money.or_else(|| self.attempts(order_id).next_back())
    }

    /// The attempt that waits for the customer.
    pub(crate) fn pending(&self, order_id: &str) -> Option<&Transaction> {
        self.attempts(order_id)
            .rev()
            .find(|attempt| attempt.status == Status::Pending)
    }

    /// Whether the order has an attempt that is pending or has money in it, so that the id cannot be used again.
    pub(crate) fn is_in_use(&self, order_id: &str) -> bool {
        self.attempts(order_id).any(|attempt| !attempt.status.is_failed())
    }

    /// Finds a transaction by its own id or by its order's.
    pub(crate) fn find(&self, id: &str) -> Option<&Transaction> {
        self.transactions.get(id).or_else(|| self.current(id))
    }

    /// The order id behind an order id or a transaction id of a request.
    pub(crate) fn order_id_of(&self, id: &str) -> String {
        self.transactions
            .get(id)
            .map_or_else(|| id.to_owned(), |transaction| transaction.order_id.clone())
    }

    /// The session of a token.
    pub(crate) fn session(&self, token: &str) -> Option<&Session> {
        let order = self.orders.get(self.tokens.get(token)?)?;
        order.sessions.iter().find(|session| session.token == token)
    }

    pub(crate) fn session_mut(&mut self, token: &str) -> Option<&mut Session> {
        let order = self.orders.get_mut(self.tokens.get(token)?)?;
        order.sessions.iter_mut().find(|session| session.token == token)
    }

    /// The session through which an order can still be paid.
    pub(crate) fn open_session(&self, order_id: &str, now: Timestamp) -> Option<&Session> {
        let session = self.orders.get(order_id)?.sessions.last()?;
        (session.state == SessionState::Open && now < session.expires_at).then_some(session)
    }

    /// Ends the payment pages of an order.
    pub(crate) fn close_sessions(&mut self, order_id: &str, state: SessionState) {
        let sessions = self
            .orders
            .get_mut(order_id)
            .map(|order| order.sessions.as_mut_slice())
            .unwrap_or_default();
        for session in sessions
            .iter_mut()
            .filter(|session| session.state == SessionState::Open)
        {
            session.state = state;
        }
    }

    /// Expires every pending transaction whose time is over.
    pub(crate) fn expire_due(&mut self, now: Timestamp) {
        while let Some((deadline, id)) = self.due.first().cloned() {
            if deadline > now {
                break;
            }
            self.due.remove(&(deadline, id.clone()));
            self.expire(now, &id);
        }
    }
}

/// Adds a duration without leaving the range of times.
pub(crate) fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// Fields of a request that are given back in messages.
pub(crate) fn echoed(request: &Value) -> crate::message::Body {
    ["custom_field1", "custom_field2", "custom_field3", "metadata"]
        .into_iter()
        .filter_map(|key| {
            Some((
                key.to_owned(),
                request.get(key).filter(|value| !value.is_null())?.clone(),
            ))
        })
        .collect()
}

//! Changes of a transaction's state. Each one that Midtrans reports leaves a notification in the outbox.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::card::{Card, Verdict};
use crate::message::Body;
use crate::method::Method;
use crate::references;
use crate::transaction::{Fraud, Status, Targets, Transaction};
use crate::world::{SessionState, World};

/// What a new attempt starts from.
pub(crate) struct Attempt {
    pub(crate) order_id: String,
    pub(crate) method: &'static Method,
    pub(crate) amount: i64,
    pub(crate) expires_at: Timestamp,
    pub(crate) card: Option<Card>,
    pub(crate) only_authorize: bool,
    /// The method's own object in the request.
    pub(crate) options: Value,
    pub(crate) echo: Body,
    pub(crate) targets: Targets,
}

impl World {
    /// Adds a pending attempt to an order and returns its transaction id. Nothing is announced yet.
    pub(crate) fn begin(&mut self, now: Timestamp, attempt: Attempt) -> String {
        let uuid = Uuid::new_v4();
        let id = uuid.to_string();
        let references = references::create(
            attempt.method,
            &uuid,
            &attempt.options,
            &self.public_url,
            &mut self.account_numbers,
        );
        let fee = self.faults.fee(&attempt.order_id);
        self.due.insert((attempt.expires_at, id.clone()));
        self.order_mut(&attempt.order_id).attempts.push(id.clone());
        let transaction = Transaction {
            id: id.clone(),
            order_id: attempt.order_id,
            method: attempt.method,
            status: Status::Pending,
            fraud: Fraud::Accept,
            amount: attempt.amount,
            fee,
            created_at: now,
            expires_at: attempt.expires_at,
            settled_at: None,
            card: attempt.card,
            only_authorize: attempt.only_authorize,
            references,
            echo: attempt.echo,
            targets: attempt.targets,
            refunds: Vec::new(),
            history: vec![(now, Status::Pending)],
        };
        self.transactions.insert(id.clone(), transaction);
        id
    }

    /// Moves a transaction to another state and announces it.
    pub(crate) fn transition(&mut self, now: Timestamp, id: &str, status: Status) {
        let Some(transaction) = self.transactions.get_mut(id) else {
            return;
        };
        if transaction.status == Status::Pending {
            self.due.remove(&(transaction.expires_at, id.to_owned()));
            for number in account_numbers(&transaction.references) {
                self.account_numbers.remove(&number);
            }
        }
        match status {
            Status::Settlement => transaction.settled_at = Some(now),
            Status::Deny => transaction.settled_at = None,
            _ => {}
        }
        transaction.status = status;
        transaction.history.push((now, status));
        self.announce(now, id);
    }

    /// The customer's money arrives: a card payment is captured (or reserved, or held for review, or refused, as
    /// its card says), everything else settles at once.
    pub(crate) fn pay(&mut self, now: Timestamp, id: &str) {
        let Some(transaction) = self.transactions.get_mut(id) else {
            return;
        };
        let status = match transaction.card.as_ref().map(|card| card.verdict) {
            None => Status::Settlement,
            Some(Verdict::DeniedByBank) => Status::Deny,
            Some(Verdict::DeniedByFraudCheck) => {
                transaction.fraud = Fraud::Deny;
                Status::Deny
            }
            Some(Verdict::Challenge) => {
                transaction.fraud = Fraud::Challenge;
                Status::Capture
            }
            Some(Verdict::Accept) if transaction.only_authorize => Status::Authorize,
            Some(Verdict::Accept) => Status::Capture,
        };
        self.transition(now, id, status);
    }

    /// Ends a pending attempt for lack of time. The payment page ends with it, except for a card: there the
    /// customer merely left the bank's page and may try again.
    pub(crate) fn expire(&mut self, now: Timestamp, id: &str) {
        let Some(transaction) = self
            .transactions
            .get(id)
            .filter(|found| found.status == Status::Pending)
        else {
            return;
        };
        let (order_id, is_card) = (transaction.order_id.clone(), transaction.method.is_card());
        if !is_card {
            self.close_sessions(&order_id, SessionState::Closed);
        }
        self.transition(now, id, Status::Expire);
    }

    /// Ends an attempt and the payment page on somebody's request.
    pub(crate) fn end(&mut self, now: Timestamp, id: &str, status: Status) {
        let Some(transaction) = self.transactions.get(id) else {
            return;
        };
        let order_id = transaction.order_id.clone();
        self.close_sessions(&order_id, SessionState::Closed);
        self.transition(now, id, status);
    }
}

/// Account numbers inside payment references.
fn account_numbers(references: &Body) -> Vec<String> {
    let in_list = references
        .get("va_numbers")
        .and_then(|list| list.get(0))
        .and_then(|item| item.get("va_number"));
    let numbers = [in_list, references.get("permata_va_number")];
    numbers
        .into_iter()
        .flatten()
        .filter_map(|number| number.as_str().map(str::to_owned))
        .collect()
}

//! Core API operations on existing transactions.

use jiff::Timestamp;
use serde_json::Value;

use crate::answer::{Answer, CANNOT_MODIFY, NOT_FOUND};
use crate::message;
use crate::snap_request::whole_number;
use crate::transaction::{Fraud, Status, Transaction};
use crate::world::World;

impl World {
    /// `GET /v2/{id}/status`
    pub(crate) fn status(&mut self, id: &str) -> Answer {
        let order_id = self.order_id_of(id);
        if self.find(id).is_none() {
            return Answer::core_error(404, NOT_FOUND);
        }
        let quirks = self.faults.quirks(&order_id, false);
        match self.find(id) {
            Some(transaction) => Answer::core(message::status(transaction, &self.config, quirks)),
            None => Answer::core_error(404, NOT_FOUND),
        }
    }

    /// `POST /v2/{id}/cancel`: before settlement.
    pub(crate) fn cancel(&mut self, now: Timestamp, id: &str) -> Answer {
        self.operate(
            id,
            "200",
            "Success, transaction is canceled",
            |world, transaction| {
                let allowed = matches!(
                    transaction.status,
                    Status::Pending | Status::Authorize | Status::Capture
                );
                allowed.then(|| world.end(now, &transaction.id, Status::Cancel))
            },
        )
    }

    /// `POST /v2/{id}/expire`: while pending.
    pub(crate) fn expire_on_request(&mut self, now: Timestamp, id: &str) -> Answer {
        self.operate(
            id,
            "407",
            "Success, transaction has expired",
            |world, transaction| {
                let allowed = transaction.status == Status::Pending;
                allowed.then(|| world.end(now, &transaction.id, Status::Expire))
            },
        )
    }

    /// `POST /v2/{id}/approve`: after the fraud check asked for a review.
    pub(crate) fn approve(&mut self, now: Timestamp, id: &str) -> Answer {
        self.operate(
            id,
            "200",
            "Success, transaction is approved",
            |world, transaction| {
                transaction
                    .is_challenged()
                    .then(|| world.review(now, &transaction.id, Fraud::Accept, Status::Capture))
            },
        )
    }

    /// `POST /v2/{id}/deny`: after the fraud check asked for a review.
    pub(crate) fn deny(&mut self, now: Timestamp, id: &str) -> Answer {
        self.operate(
            id,
            "200",
            "Success, transaction is denied",
            |world, transaction| {
                transaction
                    .is_challenged()
                    .then(|| world.review(now, &transaction.id, Fraud::Deny, Status::Deny))
            },
        )
    }

    /// `POST /v2/capture`: takes what was authorized, or less.
    pub(crate) fn capture(&mut self, now: Timestamp, json: &Value) -> Answer {
        let Some(id) = json.get("transaction_id").and_then(Value::as_str) else {
            return Answer::core_invalid(&["transaction_id is required"]);
        };
        let amount = match json.get("gross_amount").filter(|amount| !amount.is_null()) {
            None => None,
            Some(amount) => match whole_number(amount).filter(|amount| *amount >= 1) {
                Some(amount) => Some(amount),
                None => return Answer::core_invalid(&["gross_amount is not a number"]),
            },
        };
        if let (Some(amount), Some(transaction)) = (amount, self.find(id))
            && amount > transaction.amount
        {
            return Answer::core_invalid(&["gross_amount is more than was authorized"]);
        }
        self.operate(
            id,
            "200",
            "Success, Credit Card capture transaction is successful",
            |world, transaction| {
                if transaction.status != Status::Authorize {
                    return None;
                }
                if let (Some(amount), Some(stored)) = (amount, world.transactions.get_mut(&transaction.id)) {
                    stored.amount = amount;
                }
                world.transition(now, &transaction.id, Status::Capture);
                Some(())
            },
        )
    }

    /// The end of the day: a captured payment settles, one still under review is cancelled.
    pub(crate) fn advance(&mut self, now: Timestamp, transaction: &Transaction) -> bool {
        match transaction.status {
            Status::Capture if transaction.is_challenged() => self.end(now, &transaction.id, Status::Cancel),
            Status::Capture => self.transition(now, &transaction.id, Status::Settlement),
            _ => return false,
        }
        true
    }

    fn review(&mut self, now: Timestamp, id: &str, fraud: Fraud, status: Status) {
        if let Some(transaction) = self.transactions.get_mut(id) {
            transaction.fraud = fraud;
        }
        self.transition(now, id, status);
    }

    /// Runs an operation, which says `None` when the state does not allow it.
    fn operate(
        &mut self,
        id: &str,
        code: &str,
        text: &str,
        act: impl FnOnce(&mut Self, &Transaction) -> Option<()>,
    ) -> Answer {
        let Some(transaction) = self.find(id).cloned() else {
            return Answer::core_error(404, NOT_FOUND);
        };
        if act(self, &transaction).is_none() {
            return Answer::core_error(412, CANNOT_MODIFY);
        }
        match self.transactions.get(&transaction.id) {
            Some(changed) => Answer::core(message::reply(changed, &self.config, code, text)),
            None => Answer::core_error(404, NOT_FOUND),
        }
    }
}

//! Refunds.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::answer::{Answer, CANNOT_MODIFY, NOT_FOUND};
use crate::message;
use crate::snap_request::whole_number;
use crate::transaction::{Refund, Status, Transaction};
use crate::world::{Effect, World, later};

/// When the bank confirms a refund, which is announced once more. About a day in reality.
const CONFIRMATION: Duration = Duration::from_millis(300);

/// A refund as asked for.
struct Wanted {
    key: String,
    amount: i64,
    reason: String,
}

impl World {
    /// `POST /v2/{id}/refund` and `POST /v2/{id}/refund/online/direct`
    pub(crate) fn refund(&mut self, now: Timestamp, id: &str, json: &Value, direct: bool) -> Answer {
        let Some(transaction) = self.find(id).cloned() else {
            return Answer::core_error(404, NOT_FOUND);
        };
        let remaining = transaction.gross().saturating_sub(transaction.refunded());
        let wanted = match read(json, remaining) {
            Ok(wanted) => wanted,
            Err(errors) => return Answer::core_invalid(&errors),
        };
        if let Some(earlier) = transaction.refunds.iter().find(|refund| refund.key == wanted.key) {
            if self.faults.replays_refund(&transaction.order_id) {
                return Answer {
                    http: 200,
                    body: earlier.answer.clone(),
                };
            }
            return Answer::core_error(406, "Duplicate refund ID");
        }
        if let Err(refusal) = check(&transaction, &wanted, remaining, direct, now) {
            return refusal;
        }
        self.book(now, &transaction, wanted, direct)
    }

    fn book(&mut self, now: Timestamp, transaction: &Transaction, wanted: Wanted, direct: bool) -> Answer {
        let refund_id = self.next_refund_id;
        self.next_refund_id += 1;
        let Some(stored) = self.transactions.get_mut(&transaction.id) else {
            return Answer::core_error(404, NOT_FOUND);
        };
        let (key, amount) = (wanted.key.clone(), wanted.amount);
        stored.refunds.push(Refund {
            id: refund_id,
            key: wanted.key,
            amount,
            reason: wanted.reason,
            created_at: now,
            // The bank has agreed to a direct refund before it is answered.
            confirmed_at: direct.then_some(now),
            answer: Value::Null,
        });
        let refunded = stored.refunded();
        let status = if refunded == stored.gross() {
            Status::Refund
        } else {
            Status::PartialRefund
        };
        self.transition(now, &transaction.id, status);
        if !direct {
            let transaction_id = transaction.id.clone();
            self.effects.push(Effect::ConfirmRefund {
                after: CONFIRMATION,
                transaction_id,
                refund_id,
            });
        }
        let Some(stored) = self.transactions.get_mut(&transaction.id) else {
            return Answer::core_error(404, NOT_FOUND);
        };
        let text = if direct {
            "Success, refund request is approved by the bank"
        } else {
            "Success, refund request is approved"
        };
        let mut body = message::reply(stored, &self.config, "200", text);
        body.remove("refunds");
        // The page of the direct refund calls its amount cumulative, the other page does not.
        let told = if direct { refunded } else { amount };
        body.insert("refund_amount".to_owned(), json!(crate::format::amount(told)));
        body.insert("refund_chargeback_id".to_owned(), json!(refund_id));
        body.insert("refund_key".to_owned(), json!(key));
        if let Some(refund) = stored.refunds.last_mut() {
            refund.answer = Value::Object(body.clone());
        }
        Answer::core(body)
    }

    /// The bank confirms a refund: the second of its two notifications.
    pub(crate) fn confirm_refund(&mut self, now: Timestamp, transaction_id: &str, refund_id: u64) {
        let Some(transaction) = self.transactions.get_mut(transaction_id) else {
            return;
        };
        let Some(refund) = transaction
            .refunds
            .iter_mut()
            .find(|refund| refund.id == refund_id)
        else {
            return;
        };
        refund.confirmed_at = Some(now);
        self.announce(now, transaction_id);
    }
}

fn read(json: &Value, remaining: i64) -> Result<Wanted, Vec<&'static str>> {
    let field = |name: &str| json.get(name).filter(|value| !value.is_null());
    let mut errors = Vec::new();
    let key = match field("refund_key") {
        // Without a key every request is a refund of its own.
        None => Uuid::new_v4().to_string(),
        Some(key) => key.as_str().unwrap_or_default().to_owned(),
    };
    let is_key = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if key.is_empty() || !key.bytes().all(is_key) {
        errors.push("refund_key may hold letters, digits, - and _ only");
    }
    let amount = field("amount").map_or(Some(remaining), whole_number);
    if amount.is_none() {
        errors.push("amount is not a number");
    }
    let reason = field("reason")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    if reason.chars().count() > 255 {
        errors.push("reason too long");
    }
    match amount {
        Some(amount) if errors.is_empty() => Ok(Wanted { key, amount, reason }),
        _ => Err(errors),
    }
}

fn check(
    transaction: &Transaction,
    wanted: &Wanted,
    remaining: i64,
    direct: bool,
    now: Timestamp,
) -> Result<(), Answer> {
    let refused = || Answer::core_error(412, CANNOT_MODIFY);
    let rule = transaction.method.refund.ok_or_else(refused)?;
    if !matches!(transaction.status, Status::Settlement | Status::PartialRefund) || (direct && !rule.direct) {
        return Err(refused());
    }
    let paid_at = transaction.settled_at.unwrap_or(transaction.created_at);
    if now > later(paid_at, SignedDuration::from_hours(24 * rule.days)) {
        return Err(refused());
    }
    let is_partial = wanted.amount != transaction.gross();
    if !(1..=remaining).contains(&wanted.amount) || (is_partial && !rule.partial) {
        return Err(Answer::core_error(
            414,
            "Refund request is rejected due to invalid amount",
        ));
    }
    Ok(())
}

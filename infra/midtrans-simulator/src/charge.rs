//! Core API: charging without the payment page, and the browser's card tokens.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::answer::Answer;
use crate::card::Card;
use crate::lifecycle::Attempt;
use crate::message;
use crate::method::{self, Family, Method};
use crate::snap_request::{details, window};
use crate::transaction::{Status, Targets};
use crate::world::{World, echoed, later};

impl World {
    /// `POST /v2/charge`
    pub(crate) fn charge(&mut self, now: Timestamp, json: &Value, targets: &Targets) -> Answer {
        let mut errors = Vec::new();
        let method = charged_method(json, &mut errors);
        let details = details(json, &mut errors);
        let units = ["second", "minute", "hour", "day"];
        let expiry = window(
            json,
            "custom_expiry",
            "order_time",
            "expiry_duration",
            &units,
            &mut errors,
        );
        let (Some(method), Some(details), true) = (method, details, errors.is_empty()) else {
            let errors: Vec<&str> = errors.iter().map(String::as_str).collect();
            return Answer::core_invalid(&errors);
        };
        if self.is_in_use(&details.order_id) {
            let text = "The request could not be completed due to a conflict with the current state of the target \
                        resource, please try again";
            return Answer::core_error(406, text);
        }
        let options = json.get(
            json.get("payment_type")
                .and_then(Value::as_str)
                .unwrap_or_default(),
        );
        let flag = |key: &str| options.and_then(|options| options.get(key));
        let card = match method.is_card() {
            false => None,
            true => match self.redeem_card_token(flag("token_id"), details.amount) {
                Some(card) => Some(card),
                None => {
                    return Answer::core_error(
                        411,
                        "Credit card token is no longer valid. Please create a new one.",
                    );
                }
            },
        };
        let needs_bank_page = flag("authentication").and_then(Value::as_bool) == Some(true);
        let is_card = method.is_card();
        let id = self.begin(
            now,
            Attempt {
                order_id: details.order_id,
                method,
                amount: details.amount,
                expires_at: expiry.map_or_else(|| later(now, method.lifetime()), |window| window.end(now)),
                card,
                only_authorize: flag("type").and_then(Value::as_str) == Some("authorize"),
                options: options.cloned().unwrap_or_default(),
                echo: echoed(json),
                targets: targets.clone(),
            },
        );
        if is_card && !needs_bank_page {
            self.pay(now, &id);
        } else {
            if is_card && let Some(transaction) = self.transactions.get_mut(&id) {
                let url = format!("{}/simulator/payment/{id}", self.public_url);
                transaction
                    .references
                    .insert("redirect_url".to_owned(), json!(url));
            }
            self.announce(now, &id);
        }
        self.charge_answer(&id)
    }

    fn charge_answer(&self, id: &str) -> Answer {
        let Some(transaction) = self.transactions.get(id) else {
            return Answer::core_error(500, "The simulator lost the transaction; this is a bug in it.");
        };
        let text = match transaction.method.family {
            _ if transaction.status == Status::Deny => "Deny by Bank or FDS",
            Family::Card => "Success, Credit Card transaction is successful",
            Family::Va => "Success, Bank Transfer transaction is created",
            Family::PermataVa => "Success, PERMATA VA transaction is successful",
            Family::MandiriBill => "OK, Mandiri Bill transaction is successful",
            Family::Gopay => "GO-PAY transaction is created",
            Family::Qris => "QRIS transaction is created",
            Family::Shopeepay => "ShopeePay transaction is created",
            Family::Store => "Success, cstore transaction is successful",
            Family::Plain => "Success, transaction is created",
        };
        let mut body = message::reply(transaction, &self.config, transaction.notification_code(), text);
        match transaction.method.family {
            Family::Gopay => body.insert("channel_response_code".to_owned(), json!("200")),
            Family::Shopeepay => body.insert("channel_response_code".to_owned(), json!("0")),
            _ => None,
        };
        Answer::core(body)
    }

    /// `GET /v2/token`: the browser changes a card number for a token.
    pub(crate) fn card_token(&mut self, query: &HashMap<String, String>) -> Answer {
        let number = query.get("card_number").map(String::as_str).unwrap_or_default();
        let Some(card) = Card::read(number, 0) else {
            return Answer::core_invalid(&["card_number does not match with luhn algorithm"]);
        };
        let token = format!("{}-{}", card.masked(), Uuid::new_v4());
        let body = json!({
            "status_code": "200",
            "status_message": "Credit card token is created as Token ID.",
            "token_id": token,
            "hash": card.masked(),
        });
        self.card_tokens.insert(token, card.number);
        Answer { http: 200, body }
    }

    /// A token pays once.
    fn redeem_card_token(&mut self, token: Option<&Value>, amount: i64) -> Option<Card> {
        let number = self.card_tokens.remove(token?.as_str()?)?;
        Card::read(&number, amount)
    }
}

fn charged_method(json: &Value, errors: &mut Vec<String>) -> Option<&'static Method> {
    let Some(payment_type) = json.get("payment_type").and_then(Value::as_str) else {
        errors.push("payment_type is required".to_owned());
        return None;
    };
    let provider = |object: &str, key: &str| json.get(object)?.get(key)?.as_str();
    let provider = match payment_type {
        "bank_transfer" => provider("bank_transfer", "bank"),
        "cstore" => provider("cstore", "store"),
        _ => None,
    };
    let method = method::find_for_charge(payment_type, provider.unwrap_or_default());
    if method.is_none() {
        errors.push(match (payment_type, provider) {
            ("bank_transfer", _) => "bank_transfer.bank is not supported".to_owned(),
            ("cstore", _) => "cstore.store is not supported".to_owned(),
            _ => "payment_type is not supported".to_owned(),
        });
    }
    method
}

//! What a customer does on the payment page, for the page itself and for the admin API.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::card::{self, Card};
use crate::lifecycle::Attempt;
use crate::method::{self, Method};
use crate::transaction::Status;
use crate::world::{Session, World, echoed, later};

/// How an attempt goes on.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Paid; a card payment is captured and settled at once.
    Settlement,
    /// A card payment is captured; settlement is left to `/admin/advance`.
    Capture,
    Deny,
    Expire,
    Pending,
    /// A card payment is captured but held for review.
    Challenge,
    Cancel,
}

/// What the customer wants to do.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    /// `None`: the method of the pending attempt, or the page's default.
    pub(crate) method: Option<&'static Method>,
    /// `None`: pay, and let the card decide if it is one.
    pub(crate) outcome: Option<Outcome>,
    pub(crate) card_number: Option<String>,
}

/// Why a wish cannot be fulfilled: HTTP status and a text for people.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
        }
    }
}

impl World {
    /// Fulfils a wish and returns the transaction id it is about.
    pub(crate) fn act(&mut self, now: Timestamp, order_id: &str, wish: &Wish) -> Result<String, Refusal> {
        if !self.orders.contains_key(order_id) {
            return Err(Refusal::new(404, format!("there is no order {order_id:?}")));
        }
        if let Some(paid) = self.attempts(order_id).find(|attempt| attempt.status.has_money()) {
            let status = paid.status.as_str();
            return Err(Refusal::new(
                409,
                format!("order {order_id:?} has a transaction in state {status} already"),
            ));
        }
        let pending = self
            .pending(order_id)
            .map(|pending| (pending.id.clone(), pending.method));
        let id = match (pending, wish.method) {
            (Some((id, _)), None) => id,
            (Some((id, method)), Some(wanted)) if method.code == wanted.code => id,
            // A customer may come back from the bank's card page and choose something else.
            (Some((_, method)), Some(wanted)) if !method.is_card() => {
                let text = format!(
                    "order {order_id:?} waits for {}, not for {}",
                    method.code, wanted.code
                );
                return Err(Refusal::new(409, text));
            }
            _ => self.choose(now, order_id, wish)?,
        };
        self.finish(now, &id, wish)?;
        Ok(id)
    }

    /// Lets a payment arrive although its attempt expired or was cancelled.
    pub(crate) fn pay_late(&mut self, now: Timestamp, order_id: &str) -> Result<String, Refusal> {
        let ended = |status| matches!(status, Status::Expire | Status::Cancel);
        let attempt = self
            .attempts(order_id)
            .rev()
            .find(|attempt| ended(attempt.status));
        let Some(id) = attempt.map(|attempt| attempt.id.clone()) else {
            let text = format!("order {order_id:?} has no expired or cancelled transaction to pay late");
            return Err(Refusal::new(409, text));
        };
        self.transition(now, &id, Status::Settlement);
        Ok(id)
    }

    /// Chooses a payment method on the payment page.
    fn choose(&mut self, now: Timestamp, order_id: &str, wish: &Wish) -> Result<String, Refusal> {
        let Some(session) = self.open_session(order_id, now).cloned() else {
            let text = format!(
                "order {order_id:?} has no open payment page: it expired, was cancelled or never existed"
            );
            return Err(Refusal::new(409, text));
        };
        let enabled = method::enabled(&session.request.json);
        let method = match wish.method {
            None => enabled.first().copied(),
            Some(wanted) => enabled.iter().copied().find(|method| method.code == wanted.code),
        };
        let Some(method) = method else {
            let codes: Vec<&str> = enabled.iter().map(|method| method.code).collect();
            let text = format!(
                "this payment method is not enabled; enabled are: {}",
                codes.join(", ")
            );
            return Err(Refusal::new(409, text));
        };
        check_outcome(method, wish)?;
        let json = &session.request.json;
        let amount = session.request.details.amount;
        let card = match method.is_card() {
            true => Some(wished_card(wish, amount)?),
            false => None,
        };
        let card_option = |key: &str| json.get("credit_card").and_then(|options| options.get(key));
        let secure = card_option("secure").and_then(Value::as_bool) == Some(true);
        let attempt = Attempt {
            order_id: order_id.to_owned(),
            method,
            amount,
            expires_at: payment_end(&session, method, now),
            card,
            only_authorize: card_option("type").and_then(Value::as_str) == Some("authorize"),
            options: json.get(method.code).cloned().unwrap_or_default(),
            echo: echoed(json),
            targets: session.targets.clone(),
        };
        let id = self.begin(now, attempt);
        // A card without 3-D Secure is answered at once and never announced as pending.
        if !method.is_card() || secure || wish.outcome == Some(Outcome::Pending) {
            self.announce(now, &id);
        }
        Ok(id)
    }

    /// Takes a pending attempt to the wished outcome.
    fn finish(&mut self, now: Timestamp, id: &str, wish: &Wish) -> Result<(), Refusal> {
        let Some(transaction) = self.transactions.get_mut(id) else {
            return Ok(());
        };
        check_outcome(transaction.method, wish)?;
        let is_card = transaction.method.is_card();
        if is_card && (wish.card_number.is_some() || wish.outcome.is_some()) {
            let card = wished_card(wish, transaction.amount)?;
            transaction.card = Some(card);
        }
        match wish.outcome {
            Some(Outcome::Pending) => {}
            None | Some(Outcome::Capture | Outcome::Challenge) => self.pay(now, id),
            Some(Outcome::Settlement) => {
                self.pay(now, id);
                if self
                    .transactions
                    .get(id)
                    .is_some_and(|paid| paid.status == Status::Capture)
                {
                    self.transition(now, id, Status::Settlement);
                }
            }
            Some(Outcome::Deny) if is_card => self.pay(now, id),
            Some(Outcome::Deny) => self.transition(now, id, Status::Deny),
            Some(Outcome::Expire) => self.expire(now, id),
            Some(Outcome::Cancel) => self.end(now, id, Status::Cancel),
        }
        Ok(())
    }
}

/// Some outcomes exist for cards only.
fn check_outcome(method: &Method, wish: &Wish) -> Result<(), Refusal> {
    if matches!(wish.outcome, Some(Outcome::Capture | Outcome::Challenge)) && !method.is_card() {
        let text = format!(
            "{} is not a card: it knows neither capture nor challenge",
            method.code
        );
        return Err(Refusal::new(400, text));
    }
    Ok(())
}

/// The card that was named, or one that behaves as wished.
fn wished_card(wish: &Wish, amount: i64) -> Result<Card, Refusal> {
    let number = match (&wish.card_number, wish.outcome) {
        // Pressing "deny" refuses the payment whatever the card.
        (_, Some(Outcome::Deny)) => card::DENIED,
        (_, Some(Outcome::Challenge)) => card::CHALLENGED,
        (Some(number), _) => number,
        (None, _) => card::ACCEPTED,
    };
    Card::read(number, amount).ok_or_else(|| Refusal::new(400, format!("{number:?} is not a card number")))
}

/// End of the time to pay with a method chosen now.
fn payment_end(session: &Session, method: &Method, now: Timestamp) -> Timestamp {
    session
        .request
        .expiry
        .map_or_else(|| later(now, method.lifetime()), |window| window.end(now))
}

//! The admin API: looking into the simulator, playing the customer, injecting faults. For loopback, without
//! authentication.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::api::json_response;
use crate::customer::{Outcome, Refusal, Wish};
use crate::faults::{FaultSet, NotificationFault};
use crate::format;
use crate::message::{self, Body};
use crate::method::{self, Method};
use crate::notifications::{Letter, spoil_signature};
use crate::sim::Sim;
use crate::transaction::{Status, Transaction};
use crate::world::{Session, World};

/// Entries of a list unless `limit` says otherwise.
const LIMIT: usize = 1_000;
/// How the dashboard's test button names its order.
const TEST_ORDER: &str = "payment_notif_test_";

type Reply = Result<Value, Refusal>;

pub(crate) fn routes() -> Router<Arc<Sim>> {
    Router::new()
        .route("/health", get(health))
        .route("/transactions", get(list_transactions))
        .route("/transactions/{order_id}", get(show_transaction))
        .route("/pay", post(pay))
        .route("/advance", post(advance))
        .route("/chargeback", post(chargeback))
        .route("/notify", post(notify))
        .route("/notifications", get(list_notifications))
        .route("/requests", get(list_requests))
        .route("/faults", get(show_faults).put(set_faults).delete(clear_faults))
        .route("/clock", get(show_clock).post(move_clock))
        .route("/reset", post(reset))
}

fn answer(reply: Reply) -> Response {
    match reply {
        Ok(body) => json_response(200, body.to_string()),
        Err(refusal) => json_response(refusal.status, json!({"error": refusal.text}).to_string()),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::new(400, format!("request body: {error}")))
}

async fn health() -> Response {
    answer(Ok(json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})))
}

#[derive(Deserialize)]
struct ListQuery {
    order_id: Option<String>,
    /// Journal: only this operation.
    operation: Option<String>,
    /// Notifications: only this `transaction_status`.
    status: Option<String>,
    limit: Option<usize>,
}

impl ListQuery {
    fn is_about(&self, order_id: &str) -> bool {
        self.order_id.as_deref().is_none_or(|wanted| wanted == order_id)
    }

    /// Takes the newest entries, and turns them oldest first.
    fn take(&self, newest_first: impl Iterator<Item = Value>) -> Vec<Value> {
        let mut entries: Vec<Value> = newest_first.take(self.limit.unwrap_or(LIMIT)).collect();
        entries.reverse();
        entries
    }
}

async fn list_transactions(State(sim): State<Arc<Sim>>, Query(query): Query<ListQuery>) -> Response {
    answer(sim.with(|world, _| {
        let ids = world.order_ids.iter().rev().filter(|id| query.is_about(id));
        let entries = query.take(ids.map(|id| world.describe(id)));
        Ok(json!({"total": world.order_ids.len(), "transactions": entries}))
    }))
}

async fn show_transaction(State(sim): State<Arc<Sim>>, Path(id): Path<String>) -> Response {
    answer(sim.with(|world, _| {
        let order_id = world.order_id_of(&id);
        if !world.orders.contains_key(&order_id) {
            return Err(Refusal::new(
                404,
                format!("there is no order or transaction {id:?}"),
            ));
        }
        Ok(world.describe(&order_id))
    }))
}

async fn list_notifications(State(sim): State<Arc<Sim>>, Query(query): Query<ListQuery>) -> Response {
    answer(sim.with(|world, _| {
        let about = |status: &str| query.status.as_deref().is_none_or(|wanted| wanted == status);
        let deliveries = world.outbox.iter().filter(|delivery| {
            let status = delivery
                .body
                .get("transaction_status")
                .and_then(Value::as_str)
                .unwrap_or_default();
            query.is_about(&delivery.order_id) && about(status)
        });
        Ok(json!({"notifications": query.take(deliveries.map(|delivery| delivery.to_json()))}))
    }))
}

async fn list_requests(State(sim): State<Arc<Sim>>, Query(query): Query<ListQuery>) -> Response {
    answer(sim.with(|world, _| {
        let calls = world.journal.iter().filter(|call| {
            let operation = query
                .operation
                .as_deref()
                .is_none_or(|wanted| wanted == call.operation);
            operation && query.is_about(&call.order_id)
        });
        Ok(json!({"requests": query.take(calls.map(|call| call.to_json()))}))
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PayIn {
    order_id: String,
    method: Option<String>,
    outcome: Option<Outcome>,
    card_number: Option<String>,
    /// Pay an attempt that expired or was cancelled.
    #[serde(default)]
    late: bool,
}

async fn pay(State(sim): State<Arc<Sim>>, body: Bytes) -> Response {
    answer(parse::<PayIn>(&body).and_then(|input| {
        let wish = Wish {
            method: input.method.as_deref().map(known_method).transpose()?,
            outcome: input.outcome,
            card_number: input.card_number,
        };
        sim.with(|world, now| {
            let id = match input.late {
                true => world.pay_late(now, &input.order_id)?,
                false => world.act(now, &input.order_id, &wish)?,
            };
            Ok(world.brief(&id))
        })
    }))
}

fn known_method(name: &str) -> Result<&'static Method, Refusal> {
    method::find(name).ok_or_else(|| Refusal::new(400, format!("there is no payment method {name:?}")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdvanceIn {
    order_id: String,
}

async fn advance(State(sim): State<Arc<Sim>>, body: Bytes) -> Response {
    answer(parse::<AdvanceIn>(&body).and_then(|input| {
        sim.with(|world, now| {
            let transaction = world.existing(&input.order_id)?;
            if !world.advance(now, &transaction) {
                let status = transaction.status.as_str();
                return Err(Refusal::new(
                    409,
                    format!("only a captured payment settles later; this one is in state {status}"),
                ));
            }
            Ok(world.brief(&transaction.id))
        })
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChargebackIn {
    order_id: String,
    /// Rupiah; less than the whole amount makes it partial.
    amount: Option<i64>,
}

async fn chargeback(State(sim): State<Arc<Sim>>, body: Bytes) -> Response {
    answer(parse::<ChargebackIn>(&body).and_then(|input| {
        sim.with(|world, now| {
            let transaction = world.existing(&input.order_id)?;
            let possible = [
                Status::Settlement,
                Status::PartialRefund,
                Status::PartialChargeback,
            ];
            if !possible.contains(&transaction.status) {
                let status = transaction.status.as_str();
                return Err(Refusal::new(
                    409,
                    format!("a chargeback needs a settled payment; this one is in state {status}"),
                ));
            }
            let is_partial = input.amount.is_some_and(|amount| amount < transaction.gross());
            let status = if is_partial {
                Status::PartialChargeback
            } else {
                Status::Chargeback
            };
            world.transition(now, &transaction.id, status);
            Ok(world.brief(&transaction.id))
        })
    }))
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sign {
    #[default]
    Correct,
    Wrong,
    Missing,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NotifyIn {
    order_id: String,
    /// Another attempt of the order than the one that speaks for it.
    transaction_id: Option<String>,
    /// Fields changed before signing: the message stays valid.
    #[serde(default)]
    set: Body,
    /// Fields changed after signing: tampering.
    #[serde(default, rename = "override")]
    tampered: Body,
    #[serde(default)]
    sign: Sign,
    /// Another receiver.
    url: Option<String>,
}

async fn notify(State(sim): State<Arc<Sim>>, body: Bytes) -> Response {
    answer(parse::<NotifyIn>(&body).and_then(|input| {
        sim.with(|world, now| {
            let id = input.transaction_id.as_deref().unwrap_or(&input.order_id);
            let transaction = match world.existing(id) {
                Err(_) if input.order_id.starts_with(TEST_ORDER) => test_transaction(now, &input.order_id)?,
                found => found?,
            };
            let mut letter = world.letter(&transaction);
            letter.body.extend(input.set);
            match input.sign {
                Sign::Correct => message::sign(&mut letter.body, &world.config),
                Sign::Wrong => {
                    message::sign(&mut letter.body, &world.config);
                    spoil_signature(&mut letter.body);
                }
                Sign::Missing => {
                    letter.body.remove("signature_key");
                }
            }
            letter.body.extend(input.tampered);
            let urls = input.url.map_or(letter.urls, |url| vec![url]);
            let ids = world.post(now, Letter { urls, ..letter }, &NotificationFault::default());
            let sent: Vec<Value> = ids
                .iter()
                .filter_map(|id| world.outbox.get(*id))
                .map(|delivery| delivery.to_json())
                .collect();
            Ok(json!({"notifications": sent}))
        })
    }))
}

/// The transaction in the message of the dashboard's test button; it exists nowhere else.
fn test_transaction(now: Timestamp, order_id: &str) -> Result<Transaction, Refusal> {
    Ok(Transaction {
        id: uuid::Uuid::new_v4().to_string(),
        order_id: order_id.to_owned(),
        method: known_method("bca_va")?,
        status: Status::Settlement,
        fraud: crate::transaction::Fraud::Accept,
        amount: 105_000,
        fee: 0,
        created_at: now,
        expires_at: now,
        settled_at: Some(now),
        card: None,
        only_authorize: false,
        references: Body::new(),
        echo: Body::new(),
        targets: crate::transaction::Targets::Dashboard,
        refunds: Vec::new(),
        history: Vec::new(),
    })
}

async fn show_faults(State(sim): State<Arc<Sim>>) -> Response {
    answer(Ok(json!(sim.lock().faults)))
}

async fn set_faults(State(sim): State<Arc<Sim>>, body: Bytes) -> Response {
    answer(
        FaultSet::parse(&body)
            .map_err(|text| Refusal::new(400, text))
            .map(|faults| {
                let shown = json!(faults);
                sim.lock().faults = faults;
                shown
            }),
    )
}

async fn clear_faults(State(sim): State<Arc<Sim>>) -> Response {
    sim.lock().faults = FaultSet::default();
    show_faults(State(sim)).await
}

fn clock(sim: &Sim) -> Value {
    json!({"now": sim.clock.now().to_string(), "wib": format::wib(sim.clock.now()), "ahead_seconds": sim.clock.ahead_seconds()})
}

async fn show_clock(State(sim): State<Arc<Sim>>) -> Response {
    answer(Ok(clock(&sim)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockIn {
    advance_seconds: u32,
}

async fn move_clock(State(sim): State<Arc<Sim>>, body: Bytes) -> Response {
    answer(parse::<ClockIn>(&body).map(|input| {
        sim.clock.advance(input.advance_seconds);
        // What is due by now happens before this call is answered.
        sim.with(|_, _| ());
        clock(&sim)
    }))
}

async fn reset(State(sim): State<Arc<Sim>>) -> Response {
    sim.clock.reset();
    sim.lock().reset();
    answer(Ok(json!({})))
}

impl World {
    fn existing(&self, id: &str) -> Result<Transaction, Refusal> {
        let missing = || {
            Refusal::new(
                404,
                format!("order {id:?} has no transaction: no payment method was chosen yet"),
            )
        };
        self.find(id).cloned().ok_or_else(missing)
    }

    /// What a command changed.
    fn brief(&self, transaction_id: &str) -> Value {
        self.transactions
            .get(transaction_id)
            .map_or(Value::Null, |transaction| {
                json!({
                    "order_id": transaction.order_id,
                    "transaction_id": transaction.id,
                    "payment_type": transaction.method.payment_type,
                    "transaction_status": transaction.status.as_str(),
                    "fraud_status": transaction.fraud.as_str(),
                    "status_code": transaction.notification_code(),
                    "gross_amount": format::amount(transaction.gross()),
                })
            })
    }

    /// Everything known about an order.
    fn describe(&self, order_id: &str) -> Value {
        let current = self.current(order_id);
        let sessions = self
            .orders
            .get(order_id)
            .map(|order| order.sessions.as_slice())
            .unwrap_or_default();
        json!({
            "order_id": order_id,
            "status": current.map(|current| current.status.as_str()),
            "paid": current.is_some_and(|current| current.status.was_paid()),
            "snap": sessions.iter().map(|session| self.describe_session(session)).collect::<Vec<_>>(),
            "transactions": self.attempts(order_id).map(describe_transaction).collect::<Vec<_>>(),
        })
    }

    fn describe_session(&self, session: &Session) -> Value {
        json!({
            "token": session.token,
            "redirect_url": self.page_url(&session.token),
            "state": session.state.as_str(),
            "gross_amount": format::amount(session.request.details.amount),
            "created_at": session.created_at.to_string(),
            "expires_at": session.expires_at.to_string(),
            "request": session.request.json,
        })
    }
}

fn describe_transaction(transaction: &Transaction) -> Value {
    let history: Vec<Value> = transaction
        .history
        .iter()
        .map(|(at, status)| json!({"at": at.to_string(), "status": status.as_str()}))
        .collect();
    json!({
        "transaction_id": transaction.id,
        "method": transaction.method.code,
        "payment_type": transaction.method.payment_type,
        "status": transaction.status.as_str(),
        "fraud_status": transaction.fraud.as_str(),
        "gross_amount": format::amount(transaction.gross()),
        "created_at": transaction.created_at.to_string(),
        "expires_at": transaction.expires_at.to_string(),
        "settled_at": transaction.settled_at.map(|at| at.to_string()),
        "references": transaction.references,
        "masked_card": transaction.card.as_ref().map(crate::card::Card::masked),
        "refunded": format::amount(transaction.refunded()),
        "refunds": transaction.refunds.iter().map(crate::transaction::Refund::to_json).collect::<Vec<_>>(),
        "history": history,
    })
}

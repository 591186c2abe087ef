//! The way of one API call: journal, faults, authentication, idempotency, the operation itself, the answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{self, Body};
use axum::extract::{Path, Query, Request, State};
use axum::response::Response;
use axum::routing::{self, MethodFilter, MethodRouter};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, USER_AGENT};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::Value;
use simulator::Withheld;

use crate::answer::Answer;
use crate::idempotency::{Known, Replies};
use crate::journal::{Call, Outcome};
use crate::sim::Sim;
use crate::transaction::Targets;
use crate::world::World;

/// Longer request bodies are refused.
const MAX_BODY: usize = 16_000;
/// More is not even read.
const MAX_READ: usize = 1024 * 1024;
/// URLs taken from a notification header.
const MAX_TARGETS: usize = 3;

/// An operation of the Snap or Core API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    SnapCreate,
    SnapCancel,
    Charge,
    Status,
    Cancel,
    Expire,
    Approve,
    Deny,
    Capture,
    Refund,
    DirectRefund,
    CardToken,
}

impl Operation {
    pub(crate) const CORE: [Self; 10] = [
        Self::Charge,
        Self::Status,
        Self::Cancel,
        Self::Expire,
        Self::Approve,
        Self::Deny,
        Self::Capture,
        Self::Refund,
        Self::DirectRefund,
        Self::CardToken,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SnapCreate => "snap_create",
            Self::SnapCancel => "snap_cancel",
            Self::Charge => "charge",
            Self::Status => "status",
            Self::Cancel => "cancel",
            Self::Expire => "expire",
            Self::Approve => "approve",
            Self::Deny => "deny",
            Self::Capture => "capture",
            Self::Refund => "refund",
            Self::DirectRefund => "direct_refund",
            Self::CardToken => "token",
        }
    }

    /// Whether a name in a rule means this operation; `refund` means both kinds.
    pub(crate) fn is_called(self, name: &str) -> bool {
        self.name() == name || (self == Self::DirectRefund && name == "refund")
    }

    fn is_snap(self) -> bool {
        matches!(self, Self::SnapCreate | Self::SnapCancel)
    }

    fn error(self, status: u16, message: &str) -> Answer {
        if self.is_snap() {
            Answer::snap_error(status, &[message])
        } else {
            Answer::core_error(status, message)
        }
    }
}

/// One call as received.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) operation: Operation,
    /// Order id, transaction id or token of the path.
    pub(crate) id: String,
    pub(crate) query: HashMap<String, String>,
    /// `None`: not JSON.
    pub(crate) json: Option<Value>,
    pub(crate) targets: Targets,
    method: String,
    path: String,
    too_long: bool,
    authorization: Option<String>,
    accepts_json: bool,
    user_agent: Option<String>,
    idempotency_key: Option<String>,
}

/// The route of an operation.
pub(crate) fn on(method: MethodFilter, operation: Operation) -> MethodRouter<Arc<Sim>> {
    routing::on(
        method,
        move |State(sim): State<Arc<Sim>>, id: Option<Path<String>>, request: Request| async move {
            let received = receive(operation, id.map(|Path(id)| id), request).await;
            // A task of its own: the call is carried out even if the client hangs up while a fault delays it.
            let task = tokio::spawn(async move { handle(&sim, received).await });
            task.await.unwrap_or_else(|_| {
                respond(&operation.error(500, "The simulator failed; this is a bug in it."))
            })
        },
    )
}

async fn receive(operation: Operation, id: Option<String>, request: Request) -> Received {
    let (parts, content) = request.into_parts();
    let content = body::to_bytes(content, MAX_READ).await;
    let header = |name: HeaderName| text(&parts.headers, &name);
    let (too_long, content) = match content {
        Ok(content) => (content.len() > MAX_BODY, content),
        Err(_) => (true, Bytes::new()),
    };
    let query = Query::<HashMap<String, String>>::try_from_uri(&parts.uri).map(|Query(query)| query);
    let accept = header(ACCEPT);
    Received {
        operation,
        id: id.unwrap_or_default(),
        query: query.unwrap_or_default(),
        json: if content.is_empty() {
            Some(Value::Null)
        } else {
            serde_json::from_slice(&content).ok()
        },
        targets: targets(&parts.headers),
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        too_long,
        authorization: header(AUTHORIZATION),
        accepts_json: accept.is_none_or(|accept| {
            ["application/json", "application/*", "*/*"]
                .iter()
                .any(|known| accept.contains(known))
        }),
        user_agent: header(USER_AGENT),
        idempotency_key: header(HeaderName::from_static("idempotency-key"))
            .filter(|key| Replies::is_usable(key)),
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Reads the two notification headers; override wins over append.
fn targets(headers: &HeaderMap) -> Targets {
    let urls = |name: &'static str| -> Option<Vec<String>> {
        let list = text(headers, &HeaderName::from_static(name))?;
        let urls = list.split(',').map(str::trim).filter(|url| !url.is_empty());
        let urls: Vec<String> = urls.take(MAX_TARGETS).map(str::to_owned).collect();
        (!urls.is_empty()).then_some(urls)
    };
    let only = urls("x-override-notification").map(Targets::Only);
    only.or_else(|| urls("x-append-notification").map(Targets::Also))
        .unwrap_or_default()
}

async fn handle(sim: &Arc<Sim>, received: Received) -> Response {
    let operation = received.operation;
    let (call, order_id, fault) = sim.with(|world, now| {
        let order_id = world.order_id_in(&received);
        let call = world.journal.add(received.entry(now, order_id.clone()));
        let fault = world.faults.api(operation, &order_id);
        (call, order_id, fault)
    });
    let has_fault = fault.is_some();
    let fault = fault.unwrap_or_default();
    let key = received
        .idempotency_key
        .as_deref()
        .filter(|_| received.allows_idempotency());
    let known = key.map_or(Known::New, |key| {
        sim.with(|world, now| world.replies.begin(key, now))
    });
    let is_new = matches!(known, Known::New);
    let close = |outcome: Outcome| sim.lock().journal.close(call, outcome);
    let forget = || {
        if let Some(key) = key.filter(|_| is_new) {
            sim.with(|world, now| world.replies.finish(key, now, None));
        }
    };

    if fault.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    }
    if !fault.lose_reply && (fault.drop || fault.hang) {
        forget();
        return withhold(fault.hang, false, close);
    }
    let mut replayed = false;
    let answer = if let Some(status) = fault.respond {
        forget();
        operation.error(
            status,
            "Sorry. Our system is recovering from unexpected issues. Please retry.",
        )
    } else {
        match known {
            Known::Running => {
                let answer =
                    operation.error(202, "The request with this Idempotency-Key is still in progress.");
                Answer { http: 202, ..answer }
            }
            Known::Done(answer) => {
                replayed = true;
                answer
            }
            Known::New => sim.with(|world, now| {
                let answer = world.execute(now, &received, &order_id);
                if let Some(key) = key {
                    world.replies.finish(key, now, Some(&answer));
                }
                answer
            }),
        }
    };
    if fault.lose_reply {
        return withhold(fault.hang, true, close);
    }
    close(Outcome::Answered {
        http_status: answer.http,
        status_code: answer.code(),
        replayed,
        fault: has_fault,
    });
    let mut text = answer.body.to_string();
    if fault.malformed_json {
        text.truncate(text.floor_char_boundary(text.len() / 2));
    }
    json_response(answer.http, text)
}

/// Ends a call without an answer: closes the connection, or leaves the client waiting until it gives up.
fn withhold(hang: bool, carried_out: bool, close: impl Fn(Outcome)) -> Response {
    let (outcome, withheld) = match hang {
        true => (Outcome::LeftHanging { carried_out }, Withheld::Hang),
        false => (Outcome::ConnectionClosed { carried_out }, Withheld::Close),
    };
    close(outcome);
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(withheld);
    response
}

pub(crate) fn respond(answer: &Answer) -> Response {
    json_response(answer.http, answer.body.to_string())
}

pub(crate) fn json_response(status: u16, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}

pub(crate) async fn not_found() -> Response {
    json_response(
        404,
        Answer::core_error(404, "The requested resource is not found")
            .body
            .to_string(),
    )
}

pub(crate) async fn method_not_allowed() -> Response {
    respond(&Answer::core_error(
        405,
        "The requested method is not allowed for this resource",
    ))
}

impl Received {
    /// Whether the call carries the right key: the server key for everything but the browser's card token.
    fn is_authorized(&self, server_key: &str, client_key: &str) -> bool {
        if self.operation == Operation::CardToken {
            return self.query.get("client_key").is_some_and(|key| key == client_key);
        }
        let credentials = self
            .authorization
            .as_deref()
            .and_then(|header| header.strip_prefix("Basic "));
        let decoded = credentials.and_then(|credentials| STANDARD.decode(credentials.trim()).ok());
        decoded.is_some_and(|decoded| decoded == format!("{server_key}:").as_bytes())
    }

    /// A few methods do not support idempotency keys.
    fn allows_idempotency(&self) -> bool {
        let field = |object: &str, key: &str| self.json.as_ref()?.get(object)?.get(key)?.as_str();
        let payment_type = self
            .json
            .as_ref()
            .and_then(|json| json.get("payment_type"))
            .and_then(Value::as_str);
        let excluded = payment_type == Some("permata")
            || field("bank_transfer", "bank") == Some("permata")
            || field("cstore", "store") == Some("indomaret");
        self.method == "POST" && !(self.operation == Operation::Charge && excluded)
    }

    fn entry(&self, at: Timestamp, order_id: String) -> Call {
        Call {
            id: 0,
            at,
            method: self.method.clone(),
            path: self.path.clone(),
            operation: self.operation.name(),
            order_id,
            idempotency_key: self.idempotency_key.clone(),
            user_agent: self.user_agent.clone(),
            request: self.json.clone().unwrap_or_default(),
            outcome: Outcome::Open,
        }
    }
}

impl World {
    /// The order a call is about; empty when it names none.
    fn order_id_in(&self, received: &Received) -> String {
        let in_body = || {
            let json = received.json.as_ref()?;
            let details = json
                .get("transaction_details")
                .and_then(|details| details.get("order_id"));
            let id = details.or_else(|| json.get("transaction_id"))?.as_str()?;
            Some(self.order_id_of(id))
        };
        match received.operation {
            Operation::SnapCancel => self.tokens.get(&received.id).cloned().unwrap_or_default(),
            _ if received.id.is_empty() => in_body().unwrap_or_default(),
            _ => self.order_id_of(&received.id),
        }
    }

    /// Checks a call and carries it out.
    fn execute(&mut self, now: Timestamp, received: &Received, order_id: &str) -> Answer {
        const UNAUTHORIZED: &str =
            "Access denied due to unauthorized transaction, please check client or server key";
        let operation = received.operation;
        if !received.is_authorized(&self.config.server_key, &self.config.client_key) {
            if operation.is_snap() {
                let hint =
                    "Visit https://docs.midtrans.com/reference/authorization to learn how to authorize";
                return Answer::snap_error(401, &[UNAUTHORIZED, hint]);
            }
            let mut answer = Answer::core_error(401, UNAUTHORIZED);
            if self.faults.hides_401(order_id) {
                answer.http = 200;
            }
            return answer;
        }
        if !received.accepts_json {
            return operation.error(403, "The requested resource is only capable of generating JSON");
        }
        if received.too_long {
            return operation.error(413, "The request body is longer than 16000 characters");
        }
        let Some(json) = &received.json else {
            return if operation.is_snap() {
                Answer::snap_error(400, &["There was a problem in the JSON you submitted"])
            } else {
                Answer::core_error(
                    413,
                    "The request cannot be processed due to malformed syntax in the request body",
                )
            };
        };
        match operation {
            Operation::SnapCreate => self.snap_create(now, json, &received.targets),
            Operation::SnapCancel => self.snap_cancel(now, &received.id),
            Operation::Charge => self.charge(now, json, &received.targets),
            Operation::CardToken => self.card_token(&received.query),
            Operation::Status => self.status(&received.id),
            Operation::Cancel => self.cancel(now, &received.id),
            Operation::Expire => self.expire_on_request(now, &received.id),
            Operation::Approve => self.approve(now, &received.id),
            Operation::Deny => self.deny(now, &received.id),
            Operation::Capture => self.capture(now, json),
            Operation::Refund => self.refund(now, &received.id, json, false),
            Operation::DirectRefund => self.refund(now, &received.id, json, true),
        }
    }
}

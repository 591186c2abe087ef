//! A simulator with a receiver of its notifications, and a small HTTP client.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Request, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use midtrans_simulator::{Config, Simulator, signature};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::receiver::Receiver;

/// Time limit of everything that should happen soon.
pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// `status_code` of a Core answer.
    pub(crate) fn code(&self) -> String {
        self.json()["status_code"]
            .as_str()
            .unwrap_or_else(|| panic!("no status_code in {}", self.text))
            .to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// One request on a connection of its own; an error when there is no answer.
pub(crate) async fn call(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Reply, String> {
    let uri: Uri = url.parse().unwrap();
    let authority = uri.authority().unwrap().clone();
    let stream = TcpStream::connect(authority.as_str())
        .await
        .map_err(|error| error.to_string())?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let driver = tokio::spawn(connection);
    let mut request = Request::builder()
        .method(method)
        .uri(uri.path_and_query().unwrap().as_str())
        .header("host", authority.as_str());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into())).unwrap();
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| error.to_string())?;
    let (parts, body) = response.into_parts();
    let content = body
        .collect()
        .await
        .map_err(|error| error.to_string())?
        .to_bytes();
    driver.abort();
    Ok(Reply {
        status: parts.status.as_u16(),
        headers: parts.headers,
        text: String::from_utf8(content.to_vec()).unwrap(),
    })
}

/// A simulator, the receiver of its notifications, and shortcuts for both.
pub(crate) struct Bench {
    pub(crate) simulator: Simulator,
    pub(crate) receiver: Receiver,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let receiver = Receiver::start().await;
        let mut config = Config {
            notification_url: Some(receiver.url("/notifications")),
            finish_url: Some("http://shop.example.test/finish".to_owned()),
            ..Config::default()
        };
        change(&mut config);
        Self {
            simulator: Simulator::start(config).await.unwrap(),
            receiver,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.simulator.url())
    }

    /// A request with the merchant's key and these further headers.
    pub(crate) async fn try_api(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<Reply, String> {
        let authorization = format!("Basic {}", STANDARD.encode("SB-Mid-server-TESTKEY:"));
        let mut all = vec![
            ("authorization", authorization.as_str()),
            ("accept", "application/json"),
            ("content-type", "application/json"),
        ];
        all.extend(headers);
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        call(method, &self.url(path), &all, text).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.try_api("POST", path, &[], &body).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.try_api("GET", path, &[], &Value::Null).await.unwrap()
    }

    /// Creates a Snap transaction; `extra` fields go to the top of the request.
    pub(crate) async fn snap(&self, order_id: &str, amount: i64, extra: Value) -> Reply {
        self.post("/snap/v1/transactions", snap_request(order_id, amount, &extra))
            .await
    }

    /// Creates a Snap transaction that must succeed, and returns its token.
    pub(crate) async fn token(&self, order_id: &str, amount: i64, extra: Value) -> String {
        let reply = self.snap(order_id, amount, extra).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        reply.json()["token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn status(&self, id: &str) -> Value {
        self.get(&format!("/v2/{id}/status")).await.json()
    }

    pub(crate) async fn try_admin(&self, method: &str, path: &str, body: &Value) -> Reply {
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        call(method, &self.url(&format!("/admin{path}")), &[], text)
            .await
            .unwrap()
    }

    /// An admin call that must succeed.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: Value) -> Value {
        let reply = self.try_admin(method, path, &body).await;
        assert_eq!(reply.status, 200, "{method} {path}: {}", reply.text);
        reply.json()
    }

    /// The customer pays with this method.
    pub(crate) async fn pay(&self, order_id: &str, method: &str) -> Value {
        self.admin("POST", "/pay", json!({"order_id": order_id, "method": method}))
            .await
    }

    pub(crate) async fn act(&self, order_id: &str, method: &str, outcome: &str) -> Value {
        self.admin(
            "POST",
            "/pay",
            json!({"order_id": order_id, "method": method, "outcome": outcome}),
        )
        .await
    }

    pub(crate) async fn faults(&self, faults: Value) {
        self.admin("PUT", "/faults", faults).await;
    }

    pub(crate) async fn advance_clock(&self, seconds: u32) {
        self.admin("POST", "/clock", json!({"advance_seconds": seconds}))
            .await;
    }

    /// `status_code transaction_status` of the first notifications received, checking every signature.
    pub(crate) async fn told(&self, count: usize) -> Vec<String> {
        let received = self.receiver.wait_for(count).await;
        received.iter().map(|message| told(&message.body)).collect()
    }

    /// Bodies of the first notifications received.
    pub(crate) async fn bodies(&self, count: usize) -> Vec<Value> {
        self.receiver
            .wait_for(count)
            .await
            .into_iter()
            .map(|message| message.body)
            .collect()
    }
}

fn told(body: &Value) -> String {
    assert!(has_good_signature(body), "wrong signature: {body}");
    format!(
        "{} {}",
        body["status_code"].as_str().unwrap(),
        body["transaction_status"].as_str().unwrap()
    )
}

pub(crate) fn has_good_signature(body: &Value) -> bool {
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    let expected = signature(
        &text("order_id"),
        &text("status_code"),
        &text("gross_amount"),
        "SB-Mid-server-TESTKEY",
    );
    body["signature_key"] == json!(expected)
}

pub(crate) fn snap_request(order_id: &str, amount: i64, extra: &Value) -> Value {
    let mut request = json!({"transaction_details": {"order_id": order_id, "gross_amount": amount}});
    if let Some(extra) = extra.as_object() {
        request.as_object_mut().unwrap().extend(extra.clone());
    }
    request
}

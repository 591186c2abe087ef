use crate::{GatewayError, SnapOrder, SnapPage};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use outbound::{Limits, Outbound};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use runtime::{BootError, Env, Secret};
use serde::Deserialize;
use std::time::Duration;

/// A buyer waits for this answer, so it is short: with all else it stays below 3 s. A page that was made all the same is found
/// again by the order code.
const SNAP_TIMEOUT: Duration = Duration::from_millis(2_200);

/// A buyer who looks at a payment is shown what is known after this time.
const SOON: Duration = Duration::from_millis(1_500);

/// Workers wait longer.
const CORE_TIMEOUT: Duration = Duration::from_secs(8);

/// No answer of Midtrans is larger.
const LARGEST_ANSWER: usize = 256 * 1024;

/// Ids are our order codes or UUIDs of Midtrans; anything else is encoded, so that it cannot leave its place in the path.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The client.
pub struct Midtrans {
    http: Outbound,
    authorization: HeaderValue,
    snap_url: String,
    core_url: String,
    server_key: Secret,
}

/// What Midtrans says about a transaction. Fields that it may add are ignored.
#[derive(Debug, Clone, Deserialize)]
pub struct TransactionReport {
    /// Its id of the transaction.
    pub transaction_id: String,
    /// Our order code; some banks put the transaction id here.
    pub order_id: String,
    /// Where it stands, in its words.
    pub transaction_status: String,
    /// What fraud detection says.
    pub fraud_status: Option<String>,
    /// Amount with two decimals.
    pub gross_amount: String,
    /// Currency; rupiah if absent.
    pub currency: Option<String>,
    /// Payment method.
    pub payment_type: Option<String>,
    /// What was given back so far; in the answer to a refund it is absent.
    #[serde(default)]
    pub refunds: Vec<RefundReport>,
}

/// What Midtrans says about money that it gave back.
#[derive(Debug, Clone, Deserialize)]
pub struct RefundReport {
    /// The key that it was asked with; absent if somebody made the refund on its dashboard.
    pub refund_key: Option<String>,
    /// Its own number of the refund.
    pub refund_chargeback_id: Option<u64>,
    /// Amount with two decimals.
    pub refund_amount: String,
    /// Why.
    pub reason: Option<String>,
}

/// The part of any Core answer that says whether it worked.
#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    status_code: serde_json::Value,
    #[serde(default)]
    status_message: String,
}

impl Midtrans {
    /// Reads `MIDTRANS_SERVER_KEY`, `MIDTRANS_SNAP_URL` and `MIDTRANS_CORE_URL`.
    ///
    /// # Errors
    /// If one is missing or the key has blanks in it.
    pub fn from_env(env: &Env) -> Result<Self, BootError> {
        let server_key = env.secret("MIDTRANS_SERVER_KEY")?;
        if server_key.expose().chars().any(char::is_whitespace) {
            let problem = "it contains blanks".to_owned();
            return Err(BootError::Invalid {
                name: "MIDTRANS_SERVER_KEY".to_owned(),
                problem,
            });
        }
        Self::new(
            env.required("MIDTRANS_SNAP_URL")?,
            env.required("MIDTRANS_CORE_URL")?,
            server_key,
        )
    }

    /// A client of these hosts.
    ///
    /// # Errors
    /// If the HTTP client cannot be built.
    pub fn new(snap_url: &str, core_url: &str, server_key: Secret) -> Result<Self, BootError> {
        let other = |error: &dyn std::fmt::Display| {
            BootError::Other(format!("failed to build the HTTP client: {error}"))
        };
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:", server_key.expose())));
        let mut authorization = HeaderValue::from_str(&basic).map_err(|error| other(&error))?;
        authorization.set_sensitive(true);
        let http = Outbound::new().map_err(|error| other(&error))?;
        let host = |url: &str| url.trim_end_matches('/').to_owned();
        Ok(Self {
            http,
            authorization,
            snap_url: host(snap_url),
            core_url: host(core_url),
            server_key,
        })
    }

    /// The key, to check signatures with.
    pub const fn server_key(&self) -> &Secret {
        &self.server_key
    }

    /// Makes a payment page. As long as the buyer has chosen no method, asking again makes a new page and voids the old one.
    ///
    /// # Errors
    /// See [`GatewayError`].
    pub async fn create_page(&self, order: &SnapOrder<'_>) -> Result<SnapPage, GatewayError> {
        let url = format!("{}/snap/v1/transactions", self.snap_url);
        let answer = self
            .send(Method::POST, url, Some(&order.body()), SNAP_TIMEOUT)
            .await?;
        if answer.status() == StatusCode::CREATED {
            return serde_json::from_slice(answer.body()).map_err(malformed);
        }
        Err(failure(answer.status(), answer.body()))
    }

    /// What became of an order, or of one transaction of it. [`GatewayError::NotFound`] until the buyer has chosen a method.
    ///
    /// # Errors
    /// See [`GatewayError`].
    pub async fn status(&self, id: &str) -> Result<TransactionReport, GatewayError> {
        self.ask_core(Method::GET, id, "status", None, CORE_TIMEOUT).await
    }

    /// [`Midtrans::status`] for somebody who waits: 1.5 s at most.
    ///
    /// # Errors
    /// See [`GatewayError`].
    pub async fn status_soon(&self, id: &str) -> Result<TransactionReport, GatewayError> {
        self.ask_core(Method::GET, id, "status", None, SOON).await
    }

    /// Ends an unpaid transaction, so that it cannot be paid later.
    ///
    /// # Errors
    /// See [`GatewayError`]; `Refused` with 412 if it is not pending any more.
    pub async fn expire(&self, id: &str) -> Result<TransactionReport, GatewayError> {
        self.ask_core(Method::POST, id, "expire", None, CORE_TIMEOUT)
            .await
    }

    /// Calls off a payment that is not settled: a card's captured amount goes back as a whole.
    ///
    /// # Errors
    /// See [`GatewayError`]; `Refused` with 412 if it is settled.
    pub async fn cancel(&self, id: &str) -> Result<TransactionReport, GatewayError> {
        self.ask_core(Method::POST, id, "cancel", None, CORE_TIMEOUT)
            .await
    }

    /// Gives money back. The same key means the same refund, so a repetition gives nothing twice.
    ///
    /// # Errors
    /// See [`GatewayError`]; `Refused` with 412 if the method cannot be refunded, 406 if this key was used, 414 if the amount is
    /// above what is left or our balance there is too low.
    pub async fn refund(
        &self,
        id: &str,
        key: &str,
        amount: domain::Rupiah,
        reason: &str,
    ) -> Result<TransactionReport, GatewayError> {
        let body = serde_json::json!({ "refund_key": key, "amount": amount.get(), "reason": reason });
        self.ask_core(Method::POST, id, "refund", Some(&body), CORE_TIMEOUT)
            .await
    }

    async fn ask_core(
        &self,
        method: Method,
        id: &str,
        operation: &str,
        body: Option<&serde_json::Value>,
        timeout: Duration,
    ) -> Result<TransactionReport, GatewayError> {
        let url = format!(
            "{}/v2/{}/{operation}",
            self.core_url,
            utf8_percent_encode(id, IN_PATH)
        );
        report(&self.send(method, url, body, timeout).await?)
    }

    async fn send(
        &self,
        method: Method,
        url: String,
        body: Option<&serde_json::Value>,
        timeout: Duration,
    ) -> Result<Response<Bytes>, GatewayError> {
        let mut request = Request::builder()
            .method(method)
            .uri(url)
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, &self.authorization);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map(serde_json::Value::to_string).unwrap_or_default();
        let request = request.body(body.into()).map_err(malformed)?;
        let limits = Limits {
            timeout,
            largest_answer: LARGEST_ANSWER,
        };
        Ok(self.http.send(request, limits).await?)
    }
}

/// Reads a Core answer. The HTTP status is often 200 even for a refusal: the body's own code decides, and 407 (expired)
/// is a normal answer.
fn report(answer: &Response<Bytes>) -> Result<TransactionReport, GatewayError> {
    let (status, body) = (answer.status(), answer.body());
    let outcome: Option<Outcome> = serde_json::from_slice(body).ok();
    let code = outcome
        .as_ref()
        .and_then(|outcome| code_of(&outcome.status_code))
        .unwrap_or(status.as_u16());
    match code {
        200 | 201 | 202 | 407 if status.is_success() => serde_json::from_slice(body).map_err(malformed),
        404 => Err(GatewayError::NotFound),
        _ => Err(failure(StatusCode::from_u16(code).unwrap_or(status), body)),
    }
}

fn malformed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> GatewayError {
    GatewayError::Malformed(error.into())
}

/// A code is a text, in some errors a number.
fn code_of(value: &serde_json::Value) -> Option<u16> {
    match value {
        serde_json::Value::String(text) => text.parse().ok(),
        serde_json::Value::Number(number) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
        _ => None,
    }
}

fn failure(status: StatusCode, body: &[u8]) -> GatewayError {
    let text: String = String::from_utf8_lossy(body).chars().take(500).collect();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return GatewayError::Unavailable(format!("{status}: {text}").into());
    }
    let outcome: Option<Outcome> = serde_json::from_slice(body).ok();
    let message = outcome
        .map(|outcome| outcome.status_message)
        .filter(|message| !message.is_empty())
        .unwrap_or(text);
    GatewayError::Refused {
        code: status.as_u16(),
        message,
    }
}

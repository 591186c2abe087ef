use crate::Fleet;
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use std::time::Duration;

/// A client that follows no redirects: where an answer leads is part of what is tested.
pub(crate) fn client() -> Client {
    // The fleet speaks plain HTTP, but the client wants to know how it would do TLS. A second installation is refused.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(Policy::none())
        .timeout(Duration::from_secs(30))
        .no_proxy()
        .build()
        .expect("the HTTP client is valid")
}

/// The API as one caller sees it.
#[derive(Debug, Clone)]
pub struct Api {
    http: Client,
    base: String,
    token: Option<String>,
}

impl Api {
    pub(crate) fn new(fleet: &Fleet, token: Option<String>) -> Self {
        Self {
            http: fleet.http.clone(),
            base: fleet.api_url.clone(),
            token,
        }
    }

    /// A request below `/api/v1`, or to a whole URL, with the caller's token if there is one.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let url = match path.starts_with("http") {
            true => path.to_owned(),
            false => format!("{}{path}", self.base),
        };
        let method = Method::from_bytes(method.as_bytes()).expect("the method is valid");
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Reply {
        Reply::of(self.request("GET", path)).await
    }

    /// `POST` of a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        Reply::of(self.request("POST", path).json(body)).await
    }

    /// `PUT` of a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> Reply {
        Reply::of(self.request("PUT", path).json(body)).await
    }

    /// `PATCH` of a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        Reply::of(self.request("PATCH", path).json(body)).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Reply {
        Reply::of(self.request("DELETE", path)).await
    }

    /// `POST` of a JSON body under an idempotency key.
    pub async fn post_once(&self, path: &str, key: &str, body: &Value) -> Reply {
        Reply::of(
            self.request("POST", path)
                .header("idempotency-key", key)
                .json(body),
        )
        .await
    }

    /// The caller's token.
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("this caller has no token")
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body as it came.
    pub bytes: Vec<u8>,
}

impl Reply {
    /// Sends a request and reads the whole answer.
    ///
    /// # Panics
    /// When there is none.
    pub async fn of(request: RequestBuilder) -> Self {
        let answer = request.send().await;
        Self::read(answer.unwrap_or_else(|error| panic!("no answer: {error:?}"))).await
    }

    async fn read(answer: Response) -> Self {
        Self {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            bytes: answer.bytes().await.expect("the body arrives").to_vec(),
        }
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// A header, empty if absent.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|_| panic!("status {} and not JSON: {}", self.status, self.text()))
    }

    /// `data` of the envelope of success, after a look at the status and the envelope.
    #[track_caller]
    pub fn data(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        let mut json = self.json();
        assert_eq!(json["status"], "success", "{json}");
        json["data"].take()
    }

    /// `code` of the envelope of an error, after a look at the status and the envelope.
    #[track_caller]
    pub fn error(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        let json = self.json();
        assert_eq!(json["status"], "error", "{json}");
        let said = |key: &str| json[key].as_str().is_some_and(|text| !text.is_empty());
        assert!(said("message") && said("code") && said("requestId"), "{json}");
        assert!(json.get("data").is_none(), "{json}");
        json["code"].as_str().unwrap_or_default().to_owned()
    }

    /// `message` of either envelope.
    #[track_caller]
    pub fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }
}

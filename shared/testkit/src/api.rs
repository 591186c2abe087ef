use axum::body::Body;
use axum::response::Response;
use domain::user::Role;
use domain::{SessionId, UserId};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use runtime::{Clock, Secret};
use serde_json::Value;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use tower::{Service, ServiceExt as _};
use web::Tokens;
use web::tokens::Subject;

/// A function's router, called in the process of the test.
pub struct Api {
    router: axum::Router,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body as it came.
    pub bytes: Vec<u8>,
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(&self.bytes)))
    }

    /// `data` of the envelope, after checking the status.
    #[track_caller]
    pub fn data(&self, status: u16) -> Value {
        assert_eq!(
            self.status.as_u16(),
            status,
            "{}",
            String::from_utf8_lossy(&self.bytes)
        );
        let json = self.json();
        assert_eq!(json["status"], "success");
        json["data"].clone()
    }

    /// `code` of the error envelope, after checking the status.
    #[track_caller]
    pub fn error(&self, status: u16) -> String {
        assert_eq!(
            self.status.as_u16(),
            status,
            "{}",
            String::from_utf8_lossy(&self.bytes)
        );
        let json = self.json();
        assert_eq!(json["status"], "error", "{json}");
        assert!(json["requestId"].is_string(), "{json}");
        assert!(
            json["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty()),
            "{json}"
        );
        json["code"].as_str().unwrap_or_default().to_owned()
    }

    /// `message` of either envelope.
    pub fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }
}

impl Api {
    /// A router as the function builds it.
    pub const fn new(router: axum::Router) -> Self {
        Self { router }
    }

    /// Sends a request.
    pub async fn send(&self, request: Request<Body>) -> Reply {
        self.deliver(request).await
    }

    async fn deliver<B>(&self, request: Request<B>) -> Reply
    where
        axum::Router: Service<Request<B>, Response = Response, Error = Infallible>,
    {
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("a router answers");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes().to_vec();
        Reply {
            status: parts.status,
            headers: parts.headers,
            bytes,
        }
    }

    /// Sends a request with a JSON body, as the bearer of a token if there is one.
    pub async fn call(&self, method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).expect("a valid request")).await
    }

    /// GET.
    pub async fn get(&self, path: &str, token: Option<&str>) -> Reply {
        self.call("GET", path, token, None).await
    }

    /// POST.
    pub async fn post(&self, path: &str, token: Option<&str>, body: Value) -> Reply {
        self.call("POST", path, token, Some(body)).await
    }

    /// POST under an `Idempotency-Key`.
    pub async fn post_once(&self, path: &str, token: &str, key: &str, body: &Value) -> Reply {
        let request = Request::post(path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .header("idempotency-key", key);
        self.send(
            request
                .body(Body::from(body.to_string()))
                .expect("a valid request"),
        )
        .await
    }

    /// Sends the API Gateway event in a file of `events/`, with a token in place of the one in the file.
    pub async fn event(&self, file: &str, token: Option<&str>) -> Reply {
        let text = std::fs::read_to_string(event_file(file))
            .unwrap_or_else(|error| panic!("events/{file}: {error}"));
        let mut request =
            lambda_http::request::from_str(&text).unwrap_or_else(|error| panic!("events/{file}: {error}"));
        if let Some(token) = token {
            let value = format!("Bearer {token}").parse().expect("a valid header");
            request.headers_mut().insert("authorization", value);
        }
        self.deliver(request).await
    }
}

/// Sends a request under one key through all of these at the same moment, as environments of a function answer a client that
/// repeats itself. Who is told that a twin is being worked on asks again. Gives what each one heard in the end.
pub async fn twins(apis: &[Api], path: &str, token: &str, key: &str, body: &Value) -> Vec<Reply> {
    let ask = async |api: &Api| {
        for _ in 0..1_000 {
            let reply = api.post_once(path, token, key, body).await;
            if reply.status != 409 || reply.json()["code"] != "request_in_flight" {
                return reply;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("the twin never finished");
    };
    futures_util::future::join_all(apis.iter().map(ask)).await
}

/// The path of a file in `events/`.
pub fn event_file(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../events")
        .join(file)
}

/// Tokens of tests.
pub struct TestTokens;

impl TestTokens {
    /// The secret that tests share with the functions.
    pub const SECRET: &'static str = "a secret for tests only, 32 bytes+";

    /// What the function under test checks tokens with.
    pub fn checker() -> Tokens {
        Tokens::new(&Secret::new(Self::SECRET), 43_200)
    }

    /// A token for somebody whom [`Rows`](crate::Rows) made: of the session that they got with the account, which has the
    /// negative number of the account.
    pub fn of(id: UserId, role: Role, clock: &Clock) -> String {
        let subject = Subject {
            id,
            email: "someone@example.test",
            name: "Someone",
            role,
            session: SessionId::new(-id.get()),
        };
        Self::checker().issue(&subject, clock.now()).expect("a token")
    }
}

use crate::environment::app;
use auth::router;
use axum::body::Body;
use domain::message::{Envelope, Mail};
use runtime::Clock;
use serde_json::{Value, json};
use testkit::{Api, Reply, TestDb, event_file, start};
use web::Site;

pub const AYU: &str = "ayu@example.com";
pub const OLD: &str = "correct horse battery";
pub const NEW: &str = "a battery of horses";

/// A function on a database of its own.
pub struct Setup {
    pub db: TestDb,
    pub api: Api,
    pub clock: Clock,
}

impl Setup {
    pub async fn new() -> Self {
        Self::with_store(kv::Store::in_memory()).await
    }

    /// With Ayu, whose address is proved.
    pub async fn with_ayu() -> Self {
        let setup = Self::new().await;
        setup.register(AYU).await;
        setup
    }

    pub async fn with_store(store: kv::Store) -> Self {
        let (db, clock) = (TestDb::new().await, Clock::set_to(start()));
        let api = environment(&db, &clock, store);
        Self { db, api, clock }
    }

    /// Another execution environment of the same function.
    pub fn another(&self) -> Api {
        environment(&self.db, &self.clock, kv::Store::in_memory())
    }

    pub async fn register(&self, email: &str) {
        let body = json!({
            "email": email, "password": OLD, "name": "Ayu", "age": 27, "phoneNumber": "0812",
        });
        self.call("register", body).await.data(201);
        self.db.run("update users set is_verified = true").await;
    }

    /// Sends the event of an operation with another body.
    pub async fn call(&self, operation: &str, body: Value) -> Reply {
        call(&self.api, operation, "203.0.113.7", body).await
    }

    pub async fn call_from(&self, ip: &str, operation: &str, body: Value) -> Reply {
        call(&self.api, operation, ip, body).await
    }

    pub async fn login(&self, email: &str, password: &str) -> Reply {
        self.call("login", json!({"email": email, "password": password}))
            .await
    }

    /// Asks for a token.
    pub async fn forget(&self, email: &str) -> String {
        let data = self
            .call("forgot_password", json!({"email": email}))
            .await
            .data(200);
        data["token"].as_str().unwrap().to_owned()
    }

    pub async fn generate(&self, token: &str) -> Reply {
        self.call("generate_otp", json!({"token": token})).await
    }

    pub async fn verify(&self, token: &str, otp: &str) -> Reply {
        self.call("verify_otp", json!({"token": token, "otp": otp})).await
    }

    pub async fn replace(&self, token: &str, otp: &str, password: &str) -> Reply {
        let body = json!({"token": token, "otp": otp, "password": password, "confirmPassword": password});
        self.call("reset_password", body).await
    }

    /// A token and the code that was mailed for it.
    pub async fn begin(&self, email: &str) -> (String, String) {
        let token = self.forget(email).await;
        self.generate(&token).await.data(200);
        (token, self.mailed().await.unwrap().code)
    }

    /// What was mailed last, unless it was a decoy.
    pub async fn mailed(&self) -> Option<Mailed> {
        let newest = "select body from outbox where body not like '%verification%' order by xmin::text::bigint desc limit 1";
        let mail: Envelope<Mail> = serde_json::from_str(&self.db.text(newest).await).unwrap();
        match mail.body {
            Mail::ResetCode { to, name, code } => Some(Mailed { to, name, code }),
            _ => None,
        }
    }
}

pub struct Mailed {
    pub to: String,
    pub name: String,
    pub code: String,
}

fn environment(db: &TestDb, clock: &Clock, store: kv::Store) -> Api {
    Api::new(router(app(db, clock, store), Site::default()))
}

/// Sends the event of an operation from an address, with another body.
pub async fn call(api: &Api, operation: &str, ip: &str, body: Value) -> Reply {
    let event = std::fs::read_to_string(event_file(&format!("http/auth/{operation}.json"))).unwrap();
    let mut event: Value = serde_json::from_str(&event).unwrap();
    event["requestContext"]["http"]["sourceIp"] = json!(ip);
    event["body"] = json!(body.to_string());
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    let (parts, body) = request.into_parts();
    let body = match body {
        lambda_http::Body::Text(text) => Body::from(text),
        _ => Body::empty(),
    };
    api.send(http::Request::from_parts(parts, body)).await
}

/// The same for one of many at once: on a busy machine some of them are told to try again before they reach the database.
pub async fn insist(api: &Api, operation: &str, ip: &str, body: Value) -> Reply {
    loop {
        let reply = call(api, operation, ip, body.clone()).await;
        if reply.status != 503 {
            return reply;
        }
    }
}

/// Status and body of an answer, without the id of its request.
pub fn said(reply: &Reply) -> (u16, Value) {
    let mut body = reply.json();
    body.as_object_mut().unwrap().remove("requestId");
    (reply.status.as_u16(), body)
}

/// The code and the message of a refusal.
#[track_caller]
pub fn refusal(reply: &Reply) -> (String, String) {
    (reply.error(400), reply.message())
}

pub fn refused(code: &str, message: &str) -> (String, String) {
    (code.to_owned(), message.to_owned())
}

pub fn invalid_token() -> (String, String) {
    refused("invalid_token", "Invalid reset token")
}

pub fn invalid_otp() -> (String, String) {
    refused("invalid_otp", "Invalid OTP")
}

/// Six digits that are not the code, another for every number.
pub fn wrong(otp: &str, number: u32) -> String {
    let otp: u32 = otp.parse().unwrap();
    format!("{:06}", (otp + 1 + number) % 1_000_000)
}

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod environment;

use auth::router;
use axum::body::Body;
use domain::message::{Envelope, Mail};
use runtime::{Clock, Env};
use serde_json::{Value, json};
use std::sync::Arc;
use testkit::{Api, Reply, TestDb, TestTokens, start};
use web::Site;

struct Setup {
    db: TestDb,
    api: Api,
    clock: Clock,
}

async fn setup() -> Setup {
    let (db, clock) = (TestDb::new().await, Clock::set_to(start()));
    let app = environment::app(&db, &clock, kv::Store::in_memory());
    let site = Site::from_env(&Env::of([("FRONTEND_URL", "https://shop.example")]));
    Setup {
        db,
        api: Api::new(router(app, site)),
        clock,
    }
}

impl Setup {
    async fn register(&self, email: &str) -> Reply {
        let body = json!({
            "email": email, "password": "correct horse battery", "name": "Ayu", "age": 27, "phoneNumber": "0812",
        });
        self.api.post("/api/v1/auth/register", None, body).await
    }

    async fn login(&self, email: &str, password: &str) -> Reply {
        self.api
            .post(
                "/api/v1/auth/login",
                None,
                json!({"email": email, "password": password}),
            )
            .await
    }

    /// Path of the newest link that was mailed.
    async fn link(&self) -> String {
        let body = self
            .db
            .text("select body from outbox order by created_at desc, id limit 1")
            .await;
        let mail: Envelope<Mail> = serde_json::from_str(&body).unwrap();
        let Mail::Verification { link, .. } = mail.body else {
            unreachable!("the only mail of this function")
        };
        link.strip_prefix("https://api.example").unwrap().to_owned()
    }

    async fn resend(&self, email: &str, ip: &str) -> Reply {
        let event =
            std::fs::read_to_string(testkit::event_file("http/auth/resend_verification.json")).unwrap();
        let mut event: Value = serde_json::from_str(&event).unwrap();
        event["requestContext"]["http"]["sourceIp"] = json!(ip);
        event["headers"]["x-forwarded-for"] = json!(format!("{}.1.2.3", ip.len()));
        event["body"] = json!(json!({"email": email}).to_string());
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let (parts, body) = request.into_parts();
        let body = match body {
            lambda_http::Body::Text(text) => Body::from(text),
            _ => Body::empty(),
        };
        self.api.send(http::Request::from_parts(parts, body)).await
    }
}

#[tokio::test]
async fn an_account_is_made_proved_and_used() {
    let t = setup().await;
    let made = t.api.event("http/auth/register.json", None).await;
    assert_eq!(made.message(), "User registered successfully");
    let data = made.data(201);
    assert_eq!(
        data["token"],
        Value::Null,
        "nobody is logged in before the address is proved"
    );
    let keys: Vec<_> = data["user"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        [
            "id",
            "email",
            "name",
            "age",
            "phoneNumber",
            "role",
            "isVerified",
            "createdAt",
            "updatedAt",
            "authId",
            "verificationToken"
        ]
    );
    assert_eq!(
        (&data["user"]["role"], &data["user"]["isVerified"]),
        (&json!("user"), &json!(false))
    );

    let early = t.api.event("http/auth/login.json", None).await;
    assert_eq!(early.error(403), "email_not_verified");
    assert!(early.message().contains("verify"));

    let page = t.api.get(&t.link().await, None).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    let html = String::from_utf8(page.bytes).unwrap();
    assert!(
        html.contains("Email Verified Successfully!") && html.contains("https://shop.example/login"),
        "{html}"
    );

    let login = t.api.event("http/auth/login.json", None).await;
    assert_eq!(login.message(), "Login successful");
    let data = login.data(200);
    assert_eq!(data["user"]["isVerified"], true);
    let claims = TestTokens::checker()
        .check(data["token"].as_str().unwrap(), t.clock.now())
        .unwrap();
    assert_eq!(
        (claims.email.as_str(), claims.name.as_str()),
        ("ayu@example.com", "Ayu Lestari")
    );
    let stored = t.db.text("select password_hash from users").await;
    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
}

#[tokio::test]
async fn a_role_in_the_body_grants_nothing_and_other_keys_are_refused() {
    let t = setup().await;
    let mut body = json!({
        "email": "a@example.com", "password": "correct horse battery", "name": "A", "age": "27", "phoneNumber": "1", "role": "admin",
    });
    let data = t
        .api
        .post("/api/v1/auth/register", None, body.clone())
        .await
        .data(201);
    assert_eq!(
        (&data["user"]["role"], &data["user"]["age"]),
        (&json!("user"), &json!(27))
    );
    body["email"] = json!("b@example.com");
    for key in ["isVerified", "id", "passwordHash", "createdAt"] {
        let mut body = body.clone();
        body[key] = json!(true);
        let refused = t.api.post("/api/v1/auth/register", None, body).await;
        assert_eq!(refused.error(400), "invalid_input");
        assert_eq!(refused.message(), format!("\"{key}\" is not allowed"));
    }
    assert_eq!(
        t.db.count("select count(*) from users where role <> 'user' or is_verified")
            .await,
        0
    );
}

#[tokio::test]
async fn an_address_has_one_account_whatever_its_case_even_at_once() {
    let t = Arc::new(setup().await);
    t.register("ayu@example.com").await.data(201);
    let again = t.register("AYU@Example.com").await;
    assert_eq!(
        (again.error(400), again.message()),
        ("email_taken".to_owned(), "Email already exists".to_owned())
    );
    let others: Vec<_> = (0..6).map(|_| setup_on(&t.db)).collect();
    let calls = others.iter().map(|api| {
        let body = json!({"email": "budi@example.com", "password": "correct horse battery", "name": "B", "age": 20, "phoneNumber": "1"});
        api.post("/api/v1/auth/register", None, body)
    });
    let replies = futures_util::future::join_all(calls).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    assert_eq!(t.db.count("select count(*) from users").await, 2);
    assert_eq!(
        t.db.count("select count(*) from outbox").await,
        2,
        "one mail per account"
    );
}

/// Another execution environment on the same database.
fn setup_on(db: &TestDb) -> Api {
    let app = environment::app(db, &Clock::set_to(start()), kv::Store::in_memory());
    Api::new(router(app, Site::default()))
}

#[tokio::test]
async fn wrong_credentials_do_not_tell_what_is_wrong() {
    let t = setup().await;
    t.register("ayu@example.com").await.data(201);
    let unverified = t.login("ayu@example.com", "wrong password").await;
    t.db.run("update users set is_verified = true").await;
    let wrong = t.login("ayu@example.com", "wrong password").await;
    let unknown = t.login("nobody@example.com", "wrong password").await;
    for reply in [&unverified, &wrong, &unknown] {
        assert_eq!(reply.error(401), "unauthenticated");
        assert_eq!(reply.message(), "Invalid email or password");
    }
    t.login("AYU@example.com", "correct horse battery")
        .await
        .data(200);
}

#[tokio::test]
async fn a_link_works_once_and_for_a_day_and_a_new_one_voids_the_old() {
    let t = setup().await;
    t.register("ayu@example.com").await.data(201);
    let first = t.link().await;
    t.clock.advance(1);
    t.resend("ayu@example.com", "198.51.100.1").await.data(200);
    let second = t.link().await;
    assert_ne!(first, second);
    assert_eq!(t.api.get(&first, None).await.error(400), "invalid_token");
    assert_eq!(t.api.get(&second, None).await.status, 200);
    assert_eq!(t.api.get(&second, None).await.error(400), "invalid_token");

    t.register("budi@example.com").await.data(201);
    let late = t.link().await;
    t.clock.advance(24 * 3_600);
    let refused = t.api.get(&late, None).await;
    assert_eq!(
        (refused.error(400), refused.message()),
        (
            "invalid_token".to_owned(),
            "Invalid verification token".to_owned()
        )
    );
    for garbage in ["x", &"0".repeat(64), &"g".repeat(64), "%00", &"a".repeat(5_000)] {
        let reply = t.api.get(&format!("/api/v1/auth/verify/{garbage}"), None).await;
        assert_eq!(reply.status, 400, "{garbage}");
        assert_eq!(reply.message(), "Invalid verification token");
    }
    assert_eq!(
        t.db.count("select count(*) from users where is_verified").await,
        1
    );
}

#[tokio::test]
async fn whose_mailbox_was_missing_proves_it_again() {
    let t = setup().await;
    t.register("ayu@example.com").await.data(201);
    t.api.get(&t.link().await, None).await;
    let links = "select count(*) from outbox";
    t.resend("ayu@example.com", "198.51.100.1").await.data(200);
    assert_eq!(t.db.count(links).await, 1, "there is nothing to prove");
    t.db.run(
        "insert into mail_suppressions (address_hash, bounced_at) values (sha256('ayu@example.com'), now())
         on conflict (address_hash) do update set bounced_at = excluded.bounced_at",
    )
    .await;
    t.clock.advance(1);
    t.resend("Ayu@example.com", "198.51.100.1").await.data(200);
    assert_eq!(t.db.count(links).await, 2);
    assert_eq!(
        t.api.get(&t.link().await, None).await.status,
        http::StatusCode::OK
    );
    let known = db::suppressions::find(&t.db.client().await, "ayu@example.com").await;
    assert!(!known.unwrap().bounced);
}

#[tokio::test]
async fn a_link_is_sent_again_three_times_an_hour_per_address_and_per_caller() {
    let t = setup().await;
    t.register("ayu@example.com").await.data(201);
    for left in (0..3).rev() {
        let reply = t.resend("ayu@example.com", "198.51.100.1").await;
        assert_eq!(reply.headers["ratelimit-limit"], "3");
        assert_eq!(reply.headers["ratelimit-remaining"], left.to_string());
        reply.data(200);
    }
    let refused = t.resend("AYU@example.com", "198.51.100.2").await;
    assert_eq!(refused.error(429), "rate_limited");
    assert!(
        refused.headers["retry-after"]
            .to_str()
            .unwrap()
            .parse::<u32>()
            .unwrap()
            <= 3_600
    );
    assert_eq!(
        t.resend("other@example.com", "198.51.100.1").await.error(429),
        "rate_limited"
    );
    t.clock.advance(3_600);
    t.resend("ayu@example.com", "198.51.100.1").await.data(200);
}

#[tokio::test]
async fn sending_again_does_not_tell_who_has_an_account() {
    let t = setup().await;
    t.register("ayu@example.com").await.data(201);
    t.register("proved@example.com").await.data(201);
    t.db.run("update users set is_verified = true where email like 'proved%'")
        .await;
    let replies = [
        t.resend("ayu@example.com", "198.51.100.1").await,
        t.resend("proved@example.com", "198.51.100.2").await,
        t.resend("nobody@example.com", "198.51.100.3").await,
    ];
    for reply in &replies {
        assert_eq!(
            (reply.status, &reply.bytes),
            (replies[0].status, &replies[0].bytes)
        );
    }
    assert_eq!(
        t.db.count("select count(*) from outbox").await,
        3,
        "only the unproved account got another mail"
    );
}

#[tokio::test]
async fn bad_input_is_told_by_field() {
    let t = setup().await;
    for (body, message) in [
        (
            json!({}),
            "\"email\" is required, \"password\" is required, \"name\" is required, \"age\" is required, \"phoneNumber\" is required",
        ),
        (
            json!({"email": "x", "password": "short", "name": "", "age": -1, "phoneNumber": 5}),
            "\"email\" must be a valid email, \"password\" length must be at least 8 characters long, \"name\" is not allowed to be empty, \
             Age must be greater than 0, \"phoneNumber\" must be a string",
        ),
    ] {
        let reply = t.api.post("/api/v1/auth/register", None, body).await;
        assert_eq!(reply.error(400), "invalid_input");
        assert_eq!(reply.message(), message);
    }
    let huge = json!({"email": "a@example.com", "password": "x".repeat(200_000)});
    assert_eq!(
        t.api.post("/api/v1/auth/login", None, huge).await.error(413),
        "body_too_large"
    );
    let form =
        http::Request::post("/api/v1/auth/login").header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(
        t.api
            .send(form.body(Body::from("email=a")).unwrap())
            .await
            .error(415),
        "unsupported_media_type"
    );
    assert_eq!(t.db.count("select count(*) from users").await, 0);
}

//! Buyers without an account: what their token is good for, and what their address does not give away.

mod environment;

use auth::router;
use runtime::Clock;
use serde_json::{Value, json};
use testkit::{Api, Reply, TestDb, start};
use web::Site;

const GUEST: &str = "/api/v1/auth/guest";
const EMAIL: &str = "ayu@example.com";

async fn setup() -> (TestDb, Api) {
    let (db, clock) = (TestDb::new().await, Clock::set_to(start()));
    let app = environment::app(&db, &clock, kv::Store::in_memory());
    (db, Api::new(router(app, Site::default())))
}

fn guest() -> Value {
    json!({"email": EMAIL, "name": "Ayu", "phoneNumber": "0812"})
}

fn account() -> Value {
    json!({"email": EMAIL, "password": "correct horse battery", "name": "Ayu", "age": 27, "phoneNumber": "0812"})
}

async fn register(api: &Api) -> Reply {
    api.post("/api/v1/auth/register", None, account()).await
}

#[tokio::test]
async fn a_mail_address_is_enough_to_get_a_token() {
    let (_db, api) = setup().await;
    let reply = api.event("http/auth/begin_as_guest.json", None).await;
    assert_eq!(reply.message(), "Welcome, guest");
    let data = reply.data(201);
    assert_eq!(
        (&data["user"]["role"], &data["user"]["age"]),
        (&json!("user"), &json!(0))
    );
    let token = data["token"].as_str().unwrap();
    let sessions = api.get("/api/v1/auth/sessions", Some(token)).await.data(200);
    assert_eq!(sessions.as_array().unwrap().len(), 1);
    let refreshed = api
        .post(
            "/api/v1/auth/refresh",
            None,
            json!({"refreshToken": data["refreshToken"]}),
        )
        .await
        .data(200);
    assert!(refreshed["token"].is_string());
}

#[tokio::test]
async fn a_guest_and_an_account_with_the_same_address_know_nothing_of_each_other() {
    let (db, api) = setup().await;
    let first = api.post(GUEST, None, guest()).await.data(201);
    let second = api.post(GUEST, None, guest()).await.data(201);
    assert_ne!(first["user"]["id"], second["user"]["id"]);
    register(&api).await.data(201);
    assert_eq!(register(&api).await.error(400), "email_taken");
    let third = api.post(GUEST, None, guest()).await;
    assert_eq!(third.message(), "Welcome, guest", "as for an unknown address");
    third.data(201);
    // Nobody logs in as a guest, whatever the password, and a forgotten password is the account's.
    for password in ["guest", "correct horse battery"] {
        db.run("update users set is_verified = true where is_guest").await;
        let body = json!({"email": EMAIL, "password": password});
        let reply = api.post("/api/v1/auth/login", None, body).await;
        assert!([401, 403].contains(&reply.status.as_u16()), "{reply:?}");
    }
    api.post("/api/v1/auth/forgot-password", None, json!({"email": EMAIL}))
        .await;
    assert_eq!(
        db.count("select count(*) from password_resets r join users u on u.id = r.user_id where u.is_guest")
            .await,
        0
    );
}

#[tokio::test]
async fn what_is_not_a_guest_is_refused() {
    let (db, api) = setup().await;
    for (field, bad) in [
        ("email", json!("ayu")),
        ("email", json!(null)),
        ("name", json!("")),
        ("name", json!("x".repeat(1_000))),
        ("phoneNumber", json!(812)),
        ("role", json!("admin")),
    ] {
        let mut body = guest();
        body[field] = bad.clone();
        assert_eq!(
            api.post(GUEST, None, body).await.error(400),
            "invalid_input",
            "{field}: {bad}"
        );
    }
    assert_eq!(db.count("select count(*) from users").await, 0);
}

#[tokio::test]
async fn one_address_of_the_network_makes_twenty_guests_an_hour() {
    let (_db, api) = setup().await;
    for _ in 0..20 {
        api.post(GUEST, None, guest()).await.data(201);
    }
    assert_eq!(api.post(GUEST, None, guest()).await.error(429), "rate_limited");
}

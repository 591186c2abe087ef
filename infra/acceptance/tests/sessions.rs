//! Log-ins over HTTP: refreshing, ending, keys of organizers' own systems.

use acceptance::{Api, Buyer, Fleet, Organizer, PASSWORD, Reply, eventually};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::Duration;

/// Access tokens die within this after their session.
const PATIENCE: Duration = Duration::from_secs(60);

async fn log_in(fleet: &Fleet, email: &str) -> Value {
    let body = json!({"email": email, "password": PASSWORD});
    fleet.stranger().post("/auth/login", &body).await.data(200)
}

async fn refresh(api: &Api, token: &Value) -> Reply {
    api.post("/auth/refresh", &json!({"refreshToken": token})).await
}

async fn dies(api: &Api) {
    eventually("the token dies", PATIENCE, async || {
        (api.get("/users/me").await.status == 401).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_session_is_refreshed_by_one_of_twenty_and_ended_on_a_lost_device() {
    let fleet = Fleet::running();
    let buyer = Buyer::register(&fleet).await;
    let stranger = fleet.stranger();
    let first = log_in(&fleet, &buyer.email).await["refreshToken"].clone();
    let replies = join_all((0..20).map(|_| refresh(&stranger, &first))).await;
    let won: Vec<_> = replies.iter().filter(|reply| reply.status == 200).collect();
    assert_eq!(won.len(), 1);
    let next = won[0].data(200);
    let api = fleet.bearer(next["token"].as_str().unwrap());
    let listed = api.get("/auth/sessions").await.data(200);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(
        (&listed[0]["current"], &listed[1]["current"]),
        (&json!(true), &json!(false))
    );

    buyer.api.get("/users/me").await.data(200);
    let lost = format!("/auth/sessions/{}", listed[1]["id"]);
    assert_eq!(api.delete(&lost).await.message(), "Session ended");
    dies(&buyer.api).await;
    api.get("/users/me").await.data(200);
    assert_eq!(api.post("/auth/logout", &json!({})).await.message(), "Logged out");
    assert_eq!(
        refresh(&stranger, &next["refreshToken"]).await.error(401),
        "unauthenticated"
    );
}

#[tokio::test]
async fn a_key_opens_what_its_scopes_say_until_it_is_revoked() {
    let fleet = Fleet::running();
    let organizer = Organizer::demo(&fleet).await;
    let event = organizer.event("Box office").await;
    let body = json!({"name": "Box office", "scopes": ["events:write"]});
    let made = organizer.api.post("/users/me/api-keys", &body).await.data(201);
    let key = fleet.bearer(made["key"].as_str().unwrap());
    let path = format!("/events/{}", event.id);
    let change = json!({"description": "Changed by the box office."});
    assert_eq!(
        key.patch(&path, &change).await.data(200)["description"],
        change["description"]
    );
    assert_eq!(key.get("/users/me").await.error(403), "scope_missing");
    let scan = json!({"token": "x"});
    assert_eq!(
        key.post("/tickets/verify", &scan).await.error(403),
        "scope_missing"
    );

    let listed = organizer.api.get("/users/me/api-keys").await.data(200);
    let of_id = |id: &Value| {
        listed
            .as_array()
            .unwrap()
            .iter()
            .find(|key| &key["id"] == id)
            .cloned()
    };
    let shown = of_id(&made["id"]).unwrap();
    assert!(
        shown.get("key").is_none() && shown["lastUsedAt"].is_string(),
        "{shown}"
    );
    let revoke = format!("/users/me/api-keys/{}", made["id"]);
    organizer.api.delete(&revoke).await.data(200);
    assert_eq!(key.patch(&path, &change).await.error(401), "unauthenticated");
}

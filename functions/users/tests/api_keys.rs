//! Keys of organizers' own systems: who makes them, and what becomes of them. What they open is seen in
//! `shared/web` and `infra/acceptance`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod environment;

use domain::UserId;
use domain::user::Role;
use environment::api;
use futures_util::future::join_all;
use runtime::Clock;
use serde_json::{Value, json};
use testkit::{Api, Reply, Rows, TestDb, TestTokens, start};

const KEYS: &str = "/api/v1/users/me/api-keys";

struct Setup {
    db: TestDb,
    clock: Clock,
    api: Api,
    organizer: UserId,
}

async fn setup() -> Setup {
    let (db, clock) = (TestDb::new().await, Clock::set_to(start()));
    let organizer = Rows(&db).user("organizer@example.test", Role::Organizer).await;
    Setup {
        api: api(&db, &clock),
        organizer,
        clock,
        db,
    }
}

impl Setup {
    /// A token of this moment.
    fn token(&self) -> String {
        TestTokens::of(self.organizer, Role::Organizer, &self.clock)
    }

    async fn make(&self, body: Value) -> Reply {
        self.api.post(KEYS, Some(&self.token()), body).await
    }

    async fn list(&self) -> Value {
        self.api.get(KEYS, Some(&self.token())).await.data(200)
    }

    async fn owner_of(&self, key: &str) -> Option<UserId> {
        let db = self.db.db();
        let conn = db.conn().await.unwrap();
        let hash = runtime::random::sha256(key);
        let owner = db::api_keys::owner(&conn, &hash, self.clock.now()).await.unwrap();
        owner.map(|owner| owner.id)
    }
}

fn new(name: &str) -> Value {
    json!({"name": name, "scopes": ["tickets:check", "events:read"]})
}

#[tokio::test]
async fn a_key_is_shown_once_and_kept_as_a_hash() {
    let t = setup().await;
    let made = t
        .api
        .event("http/users/create_api_key.json", Some(&t.token()))
        .await;
    assert_eq!(made.message(), "API key created");
    let made = made.data(201);
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("gfk_") && key.len() == 68, "{key}");
    assert_eq!(key.get(..12), made["hint"].as_str());
    assert_eq!(made["scopes"], json!(["events:read", "tickets:check"]));
    let mut shown = made.clone();
    shown.as_object_mut().unwrap().remove("key");
    assert_eq!(t.list().await, json!([shown]));
    let row = t.db.text("select k::text from api_keys k").await;
    assert!(!row.contains(&key[12..]), "{row}");
    assert_eq!(t.owner_of(key).await, Some(t.organizer));
}

#[tokio::test]
async fn a_key_is_good_until_it_ends_is_revoked_or_its_owner_is_gone() {
    let t = setup().await;
    let mut body = new("a day");
    body["expiresAt"] = json!("2030-01-02T12:00:00Z");
    let ending = t.make(body).await.data(201)["key"].as_str().unwrap().to_owned();
    let made = t.make(new("for ever")).await.data(201);
    let key = made["key"].as_str().unwrap();
    assert!(t.owner_of(&ending).await.is_some());
    t.clock.advance(86_400);
    assert_eq!(t.owner_of(&ending).await, None);
    assert_eq!(t.list().await.as_array().unwrap().len(), 1);
    assert!(t.owner_of(key).await.is_some());
    t.db.run("update users set deleted_at = now()").await;
    assert_eq!(t.owner_of(key).await, None);
    t.db.run("update users set deleted_at = null").await;
    let path = format!("{KEYS}/{}", made["id"]);
    let revoked = t.api.call("DELETE", &path, Some(&t.token()), None).await;
    assert_eq!(revoked.message(), "API key revoked");
    assert_eq!(t.owner_of(key).await, None);
    let again = t.api.call("DELETE", &path, Some(&t.token()), None).await;
    assert_eq!(again.error(404), "not_found");
}

#[tokio::test]
async fn keys_of_others_are_not_there() {
    let t = setup().await;
    t.make(new("mine")).await.data(201);
    let other = Rows(&t.db).user("other@example.test", Role::Organizer).await;
    let other = TestTokens::of(other, Role::Organizer, &t.clock);
    assert_eq!(t.api.get(KEYS, Some(&other)).await.data(200), json!([]));
    let path = format!("{KEYS}/1");
    let refused = t.api.call("DELETE", &path, Some(&other), None).await;
    assert_eq!(refused.error(404), "not_found");
    assert_eq!(t.list().await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_that_makes_no_sense_is_refused() {
    let t = setup().await;
    for body in [
        json!({"name": "", "scopes": ["events:read"]}),
        json!({"name": "x", "scopes": []}),
        json!({"name": "x", "scopes": ["everything"]}),
        json!({"name": "x"}),
        json!({"name": "x", "scopes": ["events:read"], "expiresAt": "2030-01-01T12:00:00Z"}),
        json!({"name": "x", "scopes": ["events:read"], "userId": 1}),
    ] {
        assert_eq!(t.make(body.clone()).await.error(400), "invalid_input", "{body}");
    }
    assert_eq!(t.list().await, json!([]));
}

#[tokio::test]
async fn an_account_has_at_most_twenty_keys_even_if_made_at_once() {
    let t = setup().await;
    for number in 0..17 {
        t.make(new(&format!("key {number}"))).await.data(201);
    }
    let apis: Vec<_> = (0..12).map(|_| api(&t.db, &t.clock)).collect();
    let token = t.token();
    let replies = join_all(apis.iter().map(|api| api.post(KEYS, Some(&token), new("more")))).await;
    let refused: Vec<_> = replies.iter().filter(|reply| reply.status != 201).collect();
    assert_eq!(refused.len(), 9);
    for reply in refused {
        assert_eq!(reply.error(409), "too_many_api_keys");
    }
    assert_eq!(t.list().await.as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn when_a_key_was_used_is_noted_by_the_hour() {
    let t = setup().await;
    let made = t.make(new("busy")).await.data(201);
    let key = made["key"].as_str().unwrap();
    assert_eq!(t.list().await[0]["lastUsedAt"], Value::Null);
    t.owner_of(key).await.unwrap();
    t.clock.advance(3_600);
    t.owner_of(key).await.unwrap();
    assert_eq!(t.list().await[0]["lastUsedAt"], "2030-01-01T12:00:00.000Z");
    t.clock.advance(1);
    t.owner_of(key).await.unwrap();
    assert_eq!(t.list().await[0]["lastUsedAt"], "2030-01-01T13:00:01.000Z");
}

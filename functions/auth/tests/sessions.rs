//! Log-ins as sessions: refreshing, seeing and ending them, and what a thief of a refresh token gets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod environment;

use auth::router;
use futures_util::future::join_all;
use runtime::Clock;
use serde_json::{Value, json};
use testkit::{Api, Reply, TestDb, TestTokens, start};
use web::Site;

const PASSWORD: &str = "correct horse battery";
const EMAIL: &str = "ayu@example.com";

struct Setup {
    db: TestDb,
    api: Api,
    clock: Clock,
}

/// The function with a connection and a memory of its own, as in another execution environment.
fn api(db: &TestDb, clock: &Clock) -> Api {
    let app = environment::app(db, clock, kv::Store::in_memory());
    Api::new(router(app, Site::default()))
}

async fn setup() -> Setup {
    let (db, clock) = (TestDb::new().await, Clock::set_to(start()));
    let t = Setup {
        api: api(&db, &clock),
        db,
        clock,
    };
    let body = json!({"email": EMAIL, "password": PASSWORD, "name": "Ayu", "age": 27, "phoneNumber": "0812"});
    t.api.post("/api/v1/auth/register", None, body).await.data(201);
    t.db.run("update users set is_verified = true").await;
    t
}

/// A pair of tokens.
struct Pair {
    token: String,
    refresh: String,
}

impl Pair {
    fn of(data: &Value) -> Self {
        let text = |key: &str| data[key].as_str().unwrap().to_owned();
        assert_eq!(data["expiresIn"], 43_200);
        Self {
            token: text("token"),
            refresh: text("refreshToken"),
        }
    }
}

impl Setup {
    async fn log_in(&self) -> Pair {
        let body = json!({"email": EMAIL, "password": PASSWORD});
        Pair::of(&self.api.post("/api/v1/auth/login", None, body).await.data(200))
    }

    async fn sessions(&self, pair: &Pair) -> Reply {
        self.api.get("/api/v1/auth/sessions", Some(&pair.token)).await
    }
}

async fn refresh(api: &Api, token: &str) -> Reply {
    api.post("/api/v1/auth/refresh", None, json!({"refreshToken": token}))
        .await
}

#[tokio::test]
async fn a_session_goes_on_from_pair_to_pair() {
    let t = setup().await;
    let mut pair = t.log_in().await;
    for _ in 0..3 {
        t.clock.advance(20 * 86_400);
        assert_eq!(
            t.sessions(&pair).await.error(401),
            "unauthenticated",
            "it lives 12 hours"
        );
        pair = Pair::of(&refresh(&t.api, &pair.refresh).await.data(200));
        let sessions = t.sessions(&pair).await.data(200);
        assert_eq!(sessions.as_array().unwrap().len(), 1);
        assert_eq!(sessions[0]["current"], true);
    }
    t.clock.advance(30 * 86_400);
    assert_eq!(refresh(&t.api, &pair.refresh).await.error(401), "unauthenticated");
}

#[tokio::test]
async fn a_refreshed_token_carries_the_role_of_today() {
    let t = setup().await;
    let pair = t.log_in().await;
    t.db.run("update users set role = 'organizer'").await;
    let pair = Pair::of(&refresh(&t.api, &pair.refresh).await.data(200));
    let claims = TestTokens::checker().check(&pair.token, t.clock.now()).unwrap();
    assert_eq!(claims.role, domain::user::Role::Organizer);
}

#[tokio::test]
async fn of_twenty_that_refresh_at_once_one_wins_and_nobody_is_thrown_out() {
    let t = setup().await;
    let pair = t.log_in().await;
    let apis: Vec<_> = (0..20).map(|_| api(&t.db, &t.clock)).collect();
    let replies = join_all(apis.iter().map(|api| refresh(api, &pair.refresh))).await;
    let (won, lost): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 19));
    for reply in lost {
        assert_eq!(reply.error(409), "already_refreshed");
    }
    let next = Pair::of(&won[0].data(200));
    t.sessions(&next).await.data(200);
    let unused = "select count(*) from refresh_tokens where used_at is null";
    assert_eq!(t.db.count(unused).await, 1);
    t.clock.advance(1);
    Pair::of(&refresh(&t.api, &next.refresh).await.data(200));
}

#[tokio::test]
async fn a_used_token_that_comes_back_ends_the_session_for_both() {
    let t = setup().await;
    let (stolen, other) = (t.log_in().await, t.log_in().await);
    let next = Pair::of(&refresh(&t.api, &stolen.refresh).await.data(200));
    t.sessions(&next).await.data(200);
    t.clock.advance(9);
    assert_eq!(
        refresh(&t.api, &stolen.refresh).await.error(409),
        "already_refreshed"
    );
    t.sessions(&next).await.data(200);
    t.clock.advance(1);
    assert_eq!(
        refresh(&t.api, &stolen.refresh).await.error(401),
        "unauthenticated"
    );
    for token in [&stolen.refresh, &next.refresh] {
        assert_eq!(refresh(&t.api, token).await.error(401), "unauthenticated");
    }
    assert_eq!(t.sessions(&next).await.error(401), "unauthenticated");
    t.sessions(&other).await.data(200);
}

#[tokio::test]
async fn people_see_where_they_are_logged_in_and_end_it() {
    let t = setup().await;
    let (phone, laptop, tablet) = (t.log_in().await, t.log_in().await, t.log_in().await);
    let listed = t.sessions(&laptop).await.data(200);
    let ids: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].clone())
        .collect();
    assert_eq!(ids, [json!(3), json!(2), json!(1)]);
    assert_eq!(
        listed[1],
        json!({
            "id": 2, "current": true, "createdAt": "2030-01-01T12:00:00.000Z",
            "lastUsedAt": "2030-01-01T12:00:00.000Z", "expiresAt": "2030-01-31T12:00:00.000Z",
            "ip": "unknown", "userAgent": "unknown",
        })
    );
    let ended = t
        .api
        .call("DELETE", "/api/v1/auth/sessions/1", Some(&laptop.token), None)
        .await;
    assert_eq!(ended.message(), "Session ended");
    ended.data(200);
    assert_eq!(t.sessions(&phone).await.error(401), "unauthenticated");
    assert_eq!(
        refresh(&t.api, &phone.refresh).await.error(401),
        "unauthenticated"
    );
    let again = t
        .api
        .call("DELETE", "/api/v1/auth/sessions/1", Some(&laptop.token), None)
        .await;
    assert_eq!(again.error(404), "not_found");

    let out = t.api.event("http/auth/log_out.json", Some(&tablet.token)).await;
    assert_eq!(out.message(), "Logged out");
    assert_eq!(t.sessions(&tablet).await.error(401), "unauthenticated");

    let last = t.log_in().await;
    let everywhere = t
        .api
        .event("http/auth/log_out_everywhere.json", Some(&last.token))
        .await;
    assert_eq!(everywhere.data(200), json!({"ended": 2}));
    for pair in [&laptop, &last] {
        assert_eq!(refresh(&t.api, &pair.refresh).await.error(401), "unauthenticated");
    }
}

#[tokio::test]
async fn sessions_of_others_are_not_there() {
    let t = setup().await;
    let pair = t.log_in().await;
    let other = testkit::Rows(&t.db).buyer("budi@example.test").await;
    let other = TestTokens::of(other, domain::user::Role::User, &t.clock);
    let path = "/api/v1/auth/sessions/1";
    assert_eq!(
        t.api.call("DELETE", path, Some(&other), None).await.error(404),
        "not_found"
    );
    t.sessions(&pair).await.data(200);
    let listed = t.api.get("/api/v1/auth/sessions", Some(&other)).await.data(200);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["id"], -2);
}

#[tokio::test]
async fn a_session_that_was_ended_elsewhere_dies_here_within_ten_seconds() {
    let t = setup().await;
    let pair = t.log_in().await;
    t.sessions(&pair).await.data(200);
    let elsewhere = api(&t.db, &t.clock);
    elsewhere
        .event("http/auth/log_out.json", Some(&pair.token))
        .await
        .data(200);
    t.clock.advance(10);
    assert_eq!(t.sessions(&pair).await.error(401), "unauthenticated");
}

#[tokio::test]
async fn tokens_are_taken_only_for_what_they_are() {
    let t = setup().await;
    let pair = t.log_in().await;
    let refused = t.api.get("/api/v1/auth/sessions", Some(&pair.refresh)).await;
    assert_eq!(refused.error(401), "unauthenticated");
    for wrong in [pair.token.as_str(), "", "gfr_", "gfr_00"] {
        assert_eq!(refresh(&t.api, wrong).await.error(400), "invalid_input");
    }
    let unknown = format!("gfr_{}", "0".repeat(64));
    assert_eq!(refresh(&t.api, &unknown).await.error(401), "unauthenticated");
    // A token of one account that names the session of another.
    let subject = web::tokens::Subject {
        id: domain::UserId::new(9),
        email: EMAIL,
        name: "Ayu",
        role: domain::user::Role::User,
        session: domain::SessionId::new(1),
    };
    let forged = TestTokens::checker().issue(&subject, t.clock.now()).unwrap();
    let refused = t.api.get("/api/v1/auth/sessions", Some(&forged)).await;
    assert_eq!(refused.error(401), "unauthenticated");
    let stored =
        t.db.text("select string_agg(encode(token_hash, 'escape'), ' ') from refresh_tokens")
            .await;
    assert!(!stored.contains(&pair.refresh));
}

#[tokio::test]
async fn refreshing_is_limited_per_caller() {
    let t = setup().await;
    let unknown = format!("gfr_{}", "0".repeat(64));
    for _ in 0..60 {
        assert_eq!(refresh(&t.api, &unknown).await.error(401), "unauthenticated");
    }
    let refused = refresh(&t.api, &unknown).await;
    assert_eq!(refused.error(429), "rate_limited");
    assert!(refused.headers.contains_key("retry-after"));
}

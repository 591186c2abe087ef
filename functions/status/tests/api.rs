//! What everybody and what admins are told, and when nothing answers.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use domain::language::Language;
use domain::message::Queue;
use domain::status::Depth;
use domain::user::Role;
use kv::{FleetBreaker, Store};
use queue::Gauge;
use runtime::{Clock, Env};
use serde_json::{Value, json};
use status::{App, router};
use std::sync::Mutex;
use testkit::{Api, Rows, TestDb, TestTokens, start};
use web::Site;

const FILE: &str = "http/status/get_status.json";

struct Setup {
    db: TestDb,
    clock: Clock,
    store: Store,
    admin: String,
    buyer: String,
}

impl Setup {
    async fn new() -> Self {
        let (db, clock) = (TestDb::new().await, Clock::set_to(start()));
        let admin = Rows(&db).user("admin@example.test", Role::Admin).await;
        let buyer = Rows(&db).buyer("ayu@example.test").await;
        Self {
            admin: TestTokens::of(admin, Role::Admin, &clock),
            buyer: TestTokens::of(buyer, Role::User, &clock),
            store: Store::in_memory(),
            db,
            clock,
        }
    }

    fn api(&self, gauge: Gauge) -> Api {
        let app = App {
            db: self.db.db(),
            store: self.store.clone(),
            gauge,
            tokens: TestTokens::checker(),
            clock: self.clock.clone(),
            language: Language::En,
            last: Mutex::default(),
        };
        Api::new(router(app, Site::from_env(&Env::default())))
    }
}

fn depths(dead: u64) -> Gauge {
    Gauge::in_memory(vec![Depth {
        queue: Queue::Mail,
        waiting: 7,
        in_flight: 2,
        dead,
    }])
}

fn health_of<'a>(status: &'a Value, name: &str) -> &'a Value {
    let services = status["details"]["services"].as_array().unwrap();
    let found = services.iter().find(|service| service["name"] == name);
    &found.unwrap()["status"]
}

#[tokio::test]
async fn everybody_is_told_whether_it_works_and_admins_how() {
    let t = Setup::new().await;
    let api = t.api(depths(0));
    let version = env!("CARGO_PKG_VERSION");
    for token in [None, Some(&t.buyer)] {
        let status = api.event(FILE, token.map(String::as_str)).await.data(200);
        assert_eq!(
            status,
            json!({"status": "up", "version": version, "checkedAt": "2030-01-01T12:00:00.000Z"})
        );
    }
    let status = api.event(FILE, Some(&t.admin)).await.data(200);
    assert_eq!(
        status["details"]["queues"],
        json!([{"name": "mail", "waiting": 7, "inFlight": 2, "deadLetters": 0}])
    );
    assert_eq!(status["details"]["breakers"], json!([]));
    assert_eq!(health_of(&status, "database"), "up");
    let relay = json!({"name": "outbox-relay", "status": "up", "version": version});
    assert!(status["details"]["services"].as_array().unwrap().contains(&relay));
}

#[tokio::test]
async fn dead_letters_late_jobs_and_open_breakers_degrade_it() {
    let t = Setup::new().await;
    let status = t.api(depths(1)).event(FILE, Some(&t.admin)).await.data(200);
    assert_eq!(
        (&status["status"], health_of(&status, "mailer")),
        (&json!("degraded"), &json!("degraded"))
    );

    t.db.run(
        "insert into outbox (id, queue, body, created_at)
         values (repeat('a', 32), 'mail', '{\"body\": {}}', '2030-01-01T11:55:59Z')",
    )
    .await;
    let api = t.api(depths(0));
    let status = api.event(FILE, Some(&t.admin)).await.data(200);
    assert_eq!(health_of(&status, "outbox-relay"), "degraded");
    t.db.run("delete from outbox").await;
    // For five seconds the same is told again.
    assert_eq!(api.event(FILE, None).await.data(200)["status"], "degraded");
    t.clock.advance(5);
    assert_eq!(api.event(FILE, None).await.data(200)["status"], "up");

    let breaker = FleetBreaker::new("midtrans", t.store.clone());
    for _ in 0..3 {
        breaker.failed(t.clock.now()).await;
    }
    let api = t.api(depths(0));
    let status = api.event(FILE, Some(&t.admin)).await.data(200);
    assert_eq!(
        status["details"]["breakers"],
        json!([{"service": "midtrans", "openUntil": "2030-01-01T12:00:15.000Z"}])
    );
    assert_eq!(health_of(&status, "midtrans"), "degraded");
    t.clock.advance(10);
    assert_eq!(api.event(FILE, None).await.data(200)["status"], "up");
}

#[tokio::test]
async fn what_does_not_answer_is_told_and_not_waited_for() {
    let mut t = Setup::new().await;
    t.store = Store::unreachable();
    let status = t
        .api(Gauge::unreachable())
        .event(FILE, Some(&t.admin))
        .await
        .data(200);
    assert_eq!(status["status"], "degraded");
    assert_eq!(
        (&status["details"]["queues"], &status["details"]["breakers"]),
        (&Value::Null, &Value::Null)
    );
    let app = App {
        db: db::Db::new(
            db::Config::from_lookup(|name| {
                (name == "DATABASE_URL").then_some("postgres://nobody@127.0.0.1:9/none")
            })
            .unwrap(),
        ),
        store: t.store.clone(),
        gauge: depths(0),
        tokens: TestTokens::checker(),
        clock: t.clock.clone(),
        language: Language::En,
        last: Mutex::default(),
    };
    let api = Api::new(router(app, Site::from_env(&Env::default())));
    // Whether an admin is logged in cannot be looked up then: they are told what everybody is.
    for token in [None, Some(t.admin.as_str()), Some(t.buyer.as_str())] {
        let status = api.event(FILE, token).await.data(200);
        assert_eq!(
            (&status["status"], &status["details"]),
            (&json!("down"), &Value::Null)
        );
    }
    api.event(FILE, Some("not a token")).await.error(401);
}

/// Alerts: one that lasts, one that is over, and one of which nobody has heard.
async fn alerts(db: &TestDb) {
    db.run(
        r#"insert into system_alerts (id, key, condition, mark, first_seen_at, last_seen_at, opened_at, told, told_at, told_mark, closed_at)
           overriding system value values
           (1, 'left_alone mail', '{"kind": "left_alone", "service": "mail"}', 0, '2030-01-01T09:00Z', '2030-01-01T09:10Z',
            '2030-01-01T09:01Z', 1, '2030-01-01T09:01Z', 0, '2030-01-01T09:15Z'),
           (2, 'dead_letters mail', '{"kind": "dead_letters", "queue": "mail", "messages": 3}', 3, '2030-01-01T11:00Z',
            '2030-01-01T11:59Z', '2030-01-01T11:00Z', 1, '2030-01-01T11:00Z', 3, null),
           (3, 'left_alone midtrans', '{"kind": "left_alone", "service": "midtrans"}', 0, '2030-01-01T11:59Z',
            '2030-01-01T11:59Z', null, 0, null, 0, null)"#,
    )
    .await;
}

const LIST: &str = "http/status/list_alerts.json";

#[tokio::test]
async fn admins_see_what_is_wrong_and_what_was() {
    let t = Setup::new().await;
    alerts(&t.db).await;
    let api = t.api(depths(0));
    let list = async |query: &str| {
        let path = format!("/api/v1/status/alerts{query}");
        api.call("GET", &path, Some(&t.admin), None).await.data(200)
    };
    let all = api.event(LIST, Some(&t.admin)).await.data(200);
    assert_eq!(all["nextCursor"], Value::Null);
    assert_eq!(
        all["alerts"][0],
        json!({
            "id": 2, "condition": {"kind": "dead_letters", "queue": "mail", "messages": 3},
            "message": "3 messages of the queue mail were given up",
            "advice": "Look for the cause in the log, mend it, then redrive the messages from the dead-letter queue.",
            "firstSeenAt": "2030-01-01T11:00:00.000Z", "lastSeenAt": "2030-01-01T11:59:00.000Z",
            "openedAt": "2030-01-01T11:00:00.000Z", "told": 1, "toldAgainAt": "2030-01-01T12:00:00.000Z",
            "acknowledgedAt": null, "acknowledgedBy": null, "closedAt": null,
        })
    );
    let ids = |list: &Value| -> Vec<i64> {
        let alerts = list["alerts"].as_array().unwrap();
        alerts.iter().map(|alert| alert["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(ids(&all), [2, 1]);
    assert_eq!(ids(&list("?state=open").await), [2]);
    assert_eq!(ids(&list("?state=closed").await), [1]);
    assert_eq!(ids(&list("?cursor=2").await), [1]);
    assert_eq!(
        list("?state=closed").await["alerts"][0]["toldAgainAt"],
        Value::Null
    );
    let wrong = "/api/v1/status/alerts?state=lost";
    assert_eq!(
        api.call("GET", wrong, Some(&t.admin), None).await.error(400),
        "invalid_input"
    );
    api.event(LIST, None).await.error(401);
    api.event(LIST, Some(&t.buyer)).await.error(403);
}

#[tokio::test]
async fn who_acknowledges_an_alert_is_audited_and_it_is_told_no_more() {
    let t = Setup::new().await;
    alerts(&t.db).await;
    let api = t.api(depths(0));
    let acknowledge = async |id: i64, token: &str| {
        let path = format!("/api/v1/status/alerts/{id}/acknowledge");
        api.call("POST", &path, Some(token), None).await
    };
    for _ in 0..2 {
        let alert = acknowledge(2, &t.admin).await.data(200);
        assert_eq!(
            (&alert["acknowledgedAt"], &alert["toldAgainAt"]),
            (&json!("2030-01-01T12:00:00.000Z"), &Value::Null)
        );
        assert!(alert["acknowledgedBy"].is_i64());
    }
    let audited =
        "select string_agg(action || ' ' || subject_kind || ' ' || subject_id, ', ') from audit_log";
    assert_eq!(
        t.db.text(audited).await,
        "acknowledge_alert alert 2, acknowledge_alert alert 2"
    );
    assert_eq!(acknowledge(1, &t.admin).await.error(409), "alert_over");
    for id in [3, 4] {
        assert_eq!(acknowledge(id, &t.admin).await.error(404), "not_found");
    }
    acknowledge(2, &t.buyer).await.error(403);
    let event = "http/status/acknowledge_alert.json";
    assert_eq!(api.event(event, Some(&t.admin)).await.error(409), "alert_over");
    assert_eq!(t.db.count("select count(*) from audit_log").await, 2);
}

//! What everybody and what admins are told, and when nothing answers.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

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

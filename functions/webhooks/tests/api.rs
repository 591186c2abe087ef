//! Webhooks over the API: what may be made of them, by whom, and what is written for `webhook-sender`.

use domain::UserId;
use domain::destination::Reach;
use domain::user::Role;
use futures_util::future::join_all;
use runtime::Clock;
use serde_json::{Value, json};
use testkit::{Api, Reply, Rows, TestDb, TestTokens, every_change_is_audited, start, twins};
use web::Site;
use webhooks::{App, ROUTES, router};

const WEBHOOKS: &str = "/api/v1/webhooks";

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
        api: api(&db, &clock, Reach::PUBLIC),
        organizer,
        clock,
        db,
    }
}

fn api(db: &TestDb, clock: &Clock, reach: Reach) -> Api {
    let app = App {
        db: db.db(),
        tokens: TestTokens::checker(),
        reach,
        clock: clock.clone(),
    };
    Api::new(router(app, Site::default()))
}

fn body(name: &str) -> Value {
    json!({"url": format!("https://{name}.example.com/hook"), "events": ["order.paid"]})
}

impl Setup {
    fn token(&self) -> String {
        TestTokens::of(self.organizer, Role::Organizer, &self.clock)
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        let path = format!("{WEBHOOKS}{path}");
        self.api.call(method, &path, Some(&self.token()), body).await
    }

    async fn make(&self, name: &str) -> Value {
        self.call("POST", "", Some(body(name))).await.data(201)
    }

    /// A delivery to an endpoint, given up.
    async fn failed(&self, endpoint: &Value, message: &str) -> i64 {
        self.db
            .run(&format!(
                "insert into webhook_deliveries (endpoint_id, message_id, event, payload, state, tries, attempts, last_status,
                                                 last_body, created_at, finished_at)
                 values ({endpoint}, '{message}', 'order.paid', '{{\"type\":\"order.paid\"}}', 'failed', 10, 10, 500, 'oops',
                         '2030-01-01 11:00:00Z', '2030-01-01 11:30:00Z')"
            ))
            .await;
        self.db.count("select max(id) from webhook_deliveries").await
    }

    async fn announced(&self) -> i64 {
        self.db
            .count("select count(*) from outbox where queue = 'webhooks'")
            .await
    }
}

#[tokio::test]
async fn a_webhook_is_made_with_a_secret_that_is_shown_once() {
    let t = setup().await;
    let made = t
        .api
        .event("http/webhooks/create_webhook.json", Some(&t.token()))
        .await;
    let made = made.data(201);
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
    assert_eq!(made["enabled"], true);
    assert_eq!(made["events"], json!(["order.paid", "order.refunded"]));
    let mut shown = made.clone();
    shown.as_object_mut().unwrap().remove("secret");
    assert_eq!(t.call("GET", "", None).await.data(200), json!([shown]));
    let one = t.call("GET", &format!("/{}", made["id"]), None).await;
    assert_eq!(one.data(200), shown);
}

#[tokio::test]
async fn hostile_addresses_are_refused_when_they_are_typed() {
    let t = setup().await;
    for url in [
        "http://hooks.example.com",
        "https://127.0.0.1",
        "https://localhost",
        "http://127.0.0.1:8080",
        "https://2130706433",
        "https://0x7f.1",
        "https://[::1]",
        "https://user:secret@hooks.example.com",
        "https://hooks.example.com:22",
        "https://metadata.google.internal",
        "https://hooks.example.com#a",
        "ftp://hooks.example.com",
        "hooks.example.com",
        "",
    ] {
        let refused = t
            .call("POST", "", Some(json!({"url": url, "events": ["order.paid"]})))
            .await;
        assert_eq!(refused.error(400), "invalid_input", "{url}");
        assert_eq!(refused.json()["details"][0]["field"], "url", "{url}");
    }
    let made = t.make("a").await;
    let moved = json!({"url": "http://169.254.169.254/latest"});
    let refused = t.call("PATCH", &format!("/{}", made["id"]), Some(moved)).await;
    assert_eq!(refused.error(400), "invalid_input");
    for wrong in [
        json!({"url": "https://b.example.com"}),
        json!({"url": "https://b.example.com", "events": []}),
        json!({"url": "https://b.example.com", "events": ["webhook.test"]}),
        json!({"url": "https://b.example.com", "events": ["order"]}),
        json!({"url": "https://b.example.com", "events": ["order.paid"], "description": "x".repeat(201)}),
    ] {
        assert_eq!(t.call("POST", "", Some(wrong)).await.error(400), "invalid_input");
    }
    // A fleet on one machine may call that machine.
    let local = api(&t.db, &t.clock, Reach::WITH_LOOPBACK);
    let here = json!({"url": "http://127.0.0.1:8080/hook", "events": ["order.paid"]});
    local.post(WEBHOOKS, Some(&t.token()), here).await.data(201);
}

#[tokio::test]
async fn one_address_has_one_webhook_and_an_account_ten() {
    let t = setup().await;
    t.make("h0").await;
    let again = t.call("POST", "", Some(body("h0"))).await;
    assert_eq!(again.error(409), "url_taken");
    let mut last = Value::Null;
    for number in 1..10 {
        last = t.make(&format!("h{number}")).await["id"].clone();
    }
    let more = t.call("POST", "", Some(body("h10"))).await;
    assert_eq!(more.error(409), "too_many_webhooks");
    let taken = t
        .call(
            "PATCH",
            &format!("/{last}"),
            Some(json!({"url": "https://h0.example.com/hook"})),
        )
        .await;
    assert_eq!(taken.error(409), "url_taken");
    t.call("DELETE", "/1", None).await.data(200);
    t.make("h10").await;
}

#[tokio::test]
async fn a_request_that_is_sent_again_makes_one_webhook() {
    let t = setup().await;
    let apis: Vec<Api> = (0..4).map(|_| api(&t.db, &t.clock, Reach::PUBLIC)).collect();
    let heard = twins(&apis, WEBHOOKS, &t.token(), "key", &body("a")).await;
    let first = heard[0].data(201);
    assert!(heard.iter().all(|reply| reply.data(201) == first));
    assert_eq!(t.db.count("select count(*) from webhook_endpoints").await, 1);
}

#[tokio::test]
async fn a_webhook_is_changed_disabled_and_enabled_afresh() {
    let t = setup().await;
    let id = t.make("a").await["id"].clone();
    let path = format!("/{id}");
    let changed = json!({"description": "CRM", "events": ["event.updated", "order.paid"]});
    let changed = t.call("PATCH", &path, Some(changed)).await.data(200);
    assert_eq!(changed["description"], "CRM");
    assert_eq!(changed["events"], json!(["order.paid", "event.updated"]));
    let off = t
        .call("PATCH", &path, Some(json!({"enabled": false})))
        .await
        .data(200);
    assert_eq!(
        (off["enabled"].clone(), off["disabledReason"].clone()),
        (json!(false), json!("owner"))
    );
    t.clock.advance(60);
    let still = t
        .call("PATCH", &path, Some(json!({"enabled": false})))
        .await
        .data(200);
    assert_eq!(still["disabledAt"], off["disabledAt"]);
    t.db
        .run("update webhook_endpoints set failures = 5, failing_since = now(), rest_until = now(), disabled_reason = 'failing'")
        .await;
    let on = t
        .call("PATCH", &path, Some(json!({"enabled": true})))
        .await
        .data(200);
    assert_eq!(
        (on["enabled"].clone(), on["failures"].clone()),
        (json!(true), json!(0))
    );
    assert_eq!(on["failingSince"], Value::Null);
    assert_eq!(
        t.db.count("select count(rest_until) from webhook_endpoints")
            .await,
        0
    );
    assert_eq!(
        t.call("PATCH", "/99", Some(json!({}))).await.error(404),
        "not_found"
    );
}

#[tokio::test]
async fn a_rotated_secret_leaves_the_one_before_it_a_day() {
    let t = setup().await;
    let made = t.make("a").await;
    let rotated = t
        .call("POST", &format!("/{}/secret", made["id"]), None)
        .await
        .data(200);
    assert_ne!(rotated["secret"], made["secret"]);
    assert_eq!(rotated["oldSecretUntil"], "2030-01-02T12:00:00.000Z");
    let again = t
        .call("POST", &format!("/{}/secret", made["id"]), None)
        .await
        .data(200);
    assert_ne!(again["secret"], rotated["secret"]);
    assert_eq!(t.call("POST", "/99/secret", None).await.error(404), "not_found");
}

#[tokio::test]
async fn a_test_is_written_for_the_sender_and_tests_are_counted() {
    let t = setup().await;
    let id = t.make("a").await["id"].clone();
    let path = format!("/{id}/test");
    let apis: Vec<Api> = (0..14).map(|_| api(&t.db, &t.clock, Reach::PUBLIC)).collect();
    let token = t.token();
    let full = format!("{WEBHOOKS}{path}");
    let heard = join_all(apis.iter().map(|api| api.call("POST", &full, Some(&token), None))).await;
    let taken = heard.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(taken, 10);
    for refused in heard.iter().filter(|reply| reply.status != 200) {
        assert_eq!(refused.error(429), "rate_limited");
    }
    assert_eq!(t.announced().await, 10);
    t.clock.advance(61);
    t.call("POST", &path, None).await.data(200);
    let listed = t.call("GET", &format!("/{id}/deliveries"), None).await.data(200);
    assert_eq!(listed["deliveries"][0]["type"], "webhook.test");
    assert_eq!(listed["deliveries"][0]["state"], "pending");
    t.call("PATCH", &format!("/{id}"), Some(json!({"enabled": false})))
        .await
        .data(200);
    assert_eq!(t.call("POST", &path, None).await.error(409), "webhook_disabled");
}

#[tokio::test]
async fn deliveries_are_listed_by_state_and_page_and_told_in_full() {
    let t = setup().await;
    let id = t.make("a").await["id"].clone();
    for number in 0..51 {
        t.failed(&id, &format!("msg_{number}")).await;
    }
    t.call("POST", &format!("/{id}/test"), None).await.data(200);
    let list = async |query: &str| {
        t.call("GET", &format!("/{id}/deliveries{query}"), None)
            .await
            .data(200)
    };
    let first = list("").await;
    assert_eq!(first["deliveries"].as_array().unwrap().len(), 50);
    let second = list(&format!("?cursor={}", first["nextCursor"])).await;
    assert_eq!(second["deliveries"].as_array().unwrap().len(), 2);
    assert_eq!(second["nextCursor"], Value::Null);
    assert_eq!(
        list("?state=pending").await["deliveries"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(list("?state=delivered").await["deliveries"], json!([]));
    let wrong = t.call("GET", &format!("/{id}/deliveries?state=gone"), None).await;
    assert_eq!(wrong.error(400), "invalid_input");
    let delivery = second["deliveries"][1]["id"].clone();
    let one = t
        .call("GET", &format!("/{id}/deliveries/{delivery}"), None)
        .await
        .data(200);
    assert_eq!(one["payload"], json!({"type": "order.paid"}));
    assert_eq!(
        (one["lastBody"].clone(), one["lastStatus"].clone()),
        (json!("oops"), json!(500))
    );
    assert_eq!(one["attempts"], 10);
}

#[tokio::test]
async fn what_was_given_up_is_sent_again_once_as_the_same_message() {
    let t = setup().await;
    let id = t.make("a").await["id"].clone();
    let delivery = t.failed(&id, "msg_1").await;
    t.db.run("update webhook_endpoints set failures = 9, failing_since = now(), rest_until = '2100-01-01'")
        .await;
    let path = format!("{WEBHOOKS}/{id}/deliveries/{delivery}/replay");
    let apis: Vec<Api> = (0..6).map(|_| api(&t.db, &t.clock, Reach::PUBLIC)).collect();
    let token = t.token();
    let heard = join_all(apis.iter().map(|api| api.call("POST", &path, Some(&token), None))).await;
    let taken: Vec<_> = heard.iter().filter(|reply| reply.status == 200).collect();
    assert_eq!(taken.len(), 1, "of six at once one is taken");
    let again = taken[0].data(200);
    assert_eq!(
        (again["messageId"].clone(), again["state"].clone()),
        (json!("msg_1"), json!("pending"))
    );
    assert_eq!(again["nextAttemptAt"], "2030-01-01T12:00:00.000Z");
    for refused in heard.iter().filter(|reply| reply.status != 200) {
        assert_eq!(refused.error(409), "delivery_pending");
    }
    assert_eq!(t.announced().await, 1);
    assert_eq!(
        t.db.count("select count(rest_until) from webhook_endpoints")
            .await,
        0
    );
    let missing = t
        .call("POST", &format!("/{id}/deliveries/999/replay"), None)
        .await;
    assert_eq!(missing.error(404), "not_found");
}

#[tokio::test]
async fn all_that_was_given_up_since_then_is_sent_again() {
    let t = setup().await;
    let (id, other) = (t.make("a").await["id"].clone(), t.make("b").await["id"].clone());
    for number in 0..3 {
        t.failed(&id, &format!("msg_{number}")).await;
    }
    t.failed(&other, "msg_9").await;
    t.db.run("update webhook_deliveries set created_at = '2029-12-01' where message_id = 'msg_0'")
        .await;
    let since = |at: &str| Some(json!({"since": at}));
    let replay = format!("/{id}/replay");
    let some = t.call("POST", &replay, since("2030-01-01")).await.data(200);
    assert_eq!(some, json!({"count": 2}));
    let rest = t.call("POST", &replay, since("2029-01-01")).await.data(200);
    assert_eq!(rest, json!({"count": 1}));
    assert_eq!(t.announced().await, 3);
    t.call("PATCH", &format!("/{id}"), Some(json!({"enabled": false})))
        .await
        .data(200);
    let refused = t.call("POST", &replay, since("2029-01-01")).await;
    assert_eq!(refused.error(409), "webhook_disabled");
}

#[tokio::test]
async fn webhooks_of_others_are_not_there_even_for_admins() {
    let t = setup().await;
    let id = t.make("a").await["id"].clone();
    let delivery = t.failed(&id, "msg_1").await;
    for (name, role) in [("other", Role::Organizer), ("admin", Role::Admin)] {
        let other = Rows(&t.db).user(&format!("{name}@example.test"), role).await;
        let token = TestTokens::of(other, role, &t.clock);
        let paths = [
            ("GET", format!("/{id}"), None),
            ("PATCH", format!("/{id}"), Some(json!({"enabled": false}))),
            ("DELETE", format!("/{id}"), None),
            ("POST", format!("/{id}/secret"), None),
            ("POST", format!("/{id}/test"), None),
            (
                "POST",
                format!("/{id}/replay"),
                Some(json!({"since": "2020-01-01"})),
            ),
            ("GET", format!("/{id}/deliveries"), None),
            ("GET", format!("/{id}/deliveries/{delivery}"), None),
            ("POST", format!("/{id}/deliveries/{delivery}/replay"), None),
        ];
        for (method, path, body) in paths {
            let path = format!("{WEBHOOKS}{path}");
            let refused = t.api.call(method, &path, Some(&token), body).await;
            assert_eq!(refused.error(404), "not_found", "{method} {path}");
        }
        assert_eq!(t.api.get(WEBHOOKS, Some(&token)).await.data(200), json!([]));
    }
}

#[tokio::test]
async fn every_change_of_a_webhook_is_written_down() {
    let t = setup().await;
    let id = t.make("a").await["id"].clone();
    every_change_is_audited(&t.db, ROUTES, &[], async |route| {
        let delivery = t.failed(&id, &runtime::random::hex::<16>()).await;
        let one = format!("/{id}");
        match route.id {
            "create_webhook" => t.call("POST", "", Some(body("b"))).await,
            "update_webhook" => t.call("PATCH", &one, Some(json!({"description": "x"}))).await,
            "rotate_webhook_secret" => t.call("POST", &format!("/{id}/secret"), None).await,
            "test_webhook" => t.call("POST", &format!("/{id}/test"), None).await,
            "replay_webhook_delivery" => {
                t.call("POST", &format!("/{id}/deliveries/{delivery}/replay"), None)
                    .await
            }
            "replay_failed_deliveries" => {
                let since = json!({"since": "2020-01-01"});
                t.call("POST", &format!("/{id}/replay"), Some(since)).await
            }
            "delete_webhook" => t.call("DELETE", "/2", None).await,
            other => panic!("{other} is new: say here how it is called"),
        }
    })
    .await;
    let log =
        t.db.text("select string_agg(changes::text, '') from audit_log")
            .await;
    assert!(!log.contains("whsec"), "{log}");
}

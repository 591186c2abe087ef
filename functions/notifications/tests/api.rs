#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use domain::UserId;
use domain::language::Language;
use domain::user::Role;
use notifications::{App, router};
use runtime::{Clock, Env};
use serde_json::{Value, json};
use testkit::{Api, Rows, TestDb, TestTokens, start, twins};
use web::Site;

const PATH: &str = "/api/v1/notifications";

struct Setup {
    db: TestDb,
    api: Api,
    clock: Clock,
    admin: String,
    buyer: UserId,
    token: String,
    other: String,
}

/// The function with a connection of its own, as an execution environment has.
fn api(db: &TestDb, clock: &Clock) -> Api {
    let app = App {
        db: db.db(),
        tokens: TestTokens::checker(),
        queue: queue::Publisher::in_memory(),
        clock: clock.clone(),
        language: Language::Id,
    };
    Api::new(router(app, Site::from_env(&Env::default())))
}

async fn setup() -> Setup {
    let (db, clock) = (TestDb::new().await, Clock::set_to(start()));
    let rows = Rows(&db);
    let admin = rows.user("admin@example.test", Role::Admin).await;
    let buyer = rows.buyer("ayu@example.test").await;
    let other = rows.buyer("budi@example.test").await;
    Setup {
        api: api(&db, &clock),
        admin: TestTokens::of(admin, Role::Admin, &clock),
        token: TestTokens::of(buyer, Role::User, &clock),
        other: TestTokens::of(other, Role::User, &clock),
        buyer,
        clock,
        db,
    }
}

impl Setup {
    /// Tells somebody something.
    async fn tell(&self, to: impl serde::Serialize, message: &str) -> Value {
        let body = json!({"message": message, "userId": to});
        self.api.post(PATH, Some(&self.admin), body).await.data(201)
    }

    /// What somebody was told, newest first, and whether they have read it.
    async fn told(&self, token: &str) -> Vec<(String, bool)> {
        let list = self.api.get(PATH, Some(token)).await.data(200);
        let rows = list["notifications"].as_array().unwrap();
        assert_eq!(list["meta"]["total"], rows.len());
        rows.iter()
            .map(|row| {
                let message = row["message"].as_str().unwrap().to_owned();
                (message, row["isRead"].as_bool().unwrap())
            })
            .collect()
    }

    async fn patch(&self, path: &str, token: &str) -> testkit::Reply {
        self.api
            .call("PATCH", &format!("{PATH}/{path}"), Some(token), None)
            .await
    }
}

#[tokio::test]
async fn one_account_is_told_something_and_marks_it() {
    let t = setup().await;
    let made = t.tell(t.buyer, "Your seat has moved").await;
    let keys: Vec<_> = made.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        ["id", "message", "isRead", "userId", "createdAt", "updatedAt"]
    );
    assert_eq!(
        (&made["userId"], &made["isRead"]),
        (&json!(t.buyer), &json!(false))
    );
    let list = t
        .api
        .event("http/notifications/list_notifications.json", Some(&t.token))
        .await
        .data(200);
    assert_eq!(list["notifications"], json!([made]));
    assert_eq!(
        list["meta"],
        json!({"page": 1, "limit": 10, "total": 1, "totalPages": 1})
    );
    t.clock.advance(60);
    let id = &made["id"];
    for (word, is_read) in [("read", true), ("read", true), ("unread", false), ("read", true)] {
        let marked = t.patch(&format!("{id}/{word}"), &t.token).await.data(200);
        assert_eq!(marked["isRead"], is_read);
        assert_eq!(marked["createdAt"], "2030-01-01T12:00:00.000Z");
        assert_eq!(marked["updatedAt"], "2030-01-01T12:01:00.000Z");
        assert_eq!(
            t.told(&t.token).await,
            [("Your seat has moved".to_owned(), is_read)]
        );
    }
    assert!(t.told(&t.other).await.is_empty());
}

#[tokio::test]
async fn all_are_told_with_one_row_and_each_has_read_it_by_themselves() {
    let t = setup().await;
    t.tell(t.buyer, "first").await;
    let made = t
        .api
        .event("http/notifications/create_notification.json", Some(&t.admin))
        .await;
    assert_eq!(made.data(201), json!({"count": 3}));
    assert_eq!(made.message(), "Notification created successfully");
    assert_eq!(t.db.count("select count(*) from notifications").await, 2);
    let gates = "The gates open at 17:00".to_owned();
    assert_eq!(
        t.told(&t.token).await,
        [(gates.clone(), false), ("first".to_owned(), false)]
    );
    let id =
        t.db.count("select id from notifications where user_id is null")
            .await;
    t.patch(&format!("{id}/read"), &t.other).await.data(200);
    assert_eq!(t.told(&t.other).await, [(gates.clone(), true)]);
    assert_eq!(t.told(&t.token).await[0], (gates.clone(), false));
    let all = t.patch("mark-all-read", &t.token).await;
    assert_eq!(
        (all.message().as_str(), all.data(200)),
        ("All notifications marked as read", Value::Null)
    );
    assert!(t.told(&t.token).await.iter().all(|(_, is_read)| *is_read));
    assert_eq!(t.told(&t.admin).await, [(gates, false)]);
    // Whoever opens an account later was not among all.
    let late = Rows(&t.db).buyer("late@example.test").await;
    t.db.run(&format!(
        "update users set created_at = created_at + interval '1 second' where id = {late}"
    ))
    .await;
    let late = TestTokens::of(late, Role::User, &t.clock);
    assert!(t.told(&late).await.is_empty());
    assert_eq!(
        t.patch(&format!("{id}/read"), &late).await.error(404),
        "not_found"
    );
}

#[tokio::test]
async fn only_admins_write_and_nobody_reads_what_others_were_told() {
    let t = setup().await;
    let id = t.tell(t.buyer, "yours alone").await["id"].clone();
    let body = json!({"message": "spam", "userId": "all"});
    let refused = t.api.post(PATH, Some(&t.token), body.clone()).await;
    assert_eq!(refused.error(403), "forbidden");
    assert_eq!(t.api.post(PATH, None, body).await.error(401), "unauthenticated");
    let path = format!("{PATH}/{id}");
    let deleted = t.api.call("DELETE", &path, Some(&t.token), None).await;
    assert_eq!(deleted.error(403), "forbidden");
    for word in ["read", "unread"] {
        let others = t.patch(&format!("{id}/{word}"), &t.other).await;
        let nothing = t.patch(&format!("9999/{word}"), &t.other).await;
        assert_eq!(others.error(404), "not_found");
        assert_eq!(others.message(), nothing.message());
    }
    t.patch("mark-all-read", &t.other).await.data(200);
    assert_eq!(t.told(&t.token).await, [("yours alone".to_owned(), false)]);
    assert_eq!(t.db.count("select count(*) from notification_marks").await, 0);
    let deleted = t.api.call("DELETE", &path, Some(&t.admin), None).await;
    assert_eq!(deleted.data(200), Value::Null);
    assert!(t.told(&t.token).await.is_empty());
    let again = t.api.call("DELETE", &path, Some(&t.admin), None).await;
    assert_eq!(again.error(404), "not_found");
}

#[tokio::test]
async fn bad_input_is_told_by_field() {
    let t = setup().await;
    for (body, field, message) in [
        (json!({"userId": "all"}), "message", "\"message\" is required"),
        (
            json!({"message": " ", "userId": "all"}),
            "message",
            "String must contain at least 1 character(s)",
        ),
        (
            json!({"message": "x".repeat(1_001), "userId": "all"}),
            "message",
            "\"message\" must be at most 1000 characters long",
        ),
        (json!({"message": "x"}), "userId", "\"userId\" is required"),
        (
            json!({"message": "x", "userId": "everyone"}),
            "userId",
            "Invalid input",
        ),
        (json!({"message": "x", "userId": 1.5}), "userId", "Invalid input"),
        (
            json!({"message": "x", "userId": [1, 2]}),
            "userId",
            "Invalid input",
        ),
    ] {
        let reply = t.api.post(PATH, Some(&t.admin), body).await;
        assert_eq!(reply.error(400), "invalid_input");
        assert_eq!(reply.message(), message);
        assert_eq!(reply.json()["details"][0]["field"], field);
    }
    let body = json!({"message": "x", "userId": 9999});
    let missing = t.api.post(PATH, Some(&t.admin), body).await;
    assert_eq!(missing.error(404), "not_found");
    // What the body says beyond that is not looked at.
    let body = json!({"message": "x", "userId": t.buyer, "isRead": true, "id": 7, "createdAt": "2000-01-01"});
    let made = t.api.post(PATH, Some(&t.admin), body).await.data(201);
    assert_eq!(made["isRead"], false);
    assert_eq!(made["createdAt"], "2030-01-01T12:00:00.000Z");
    for path in ["abc/read", "0/unread"] {
        assert_eq!(t.patch(path, &t.token).await.error(400), "invalid_input");
    }
}

#[tokio::test]
async fn of_twenty_twins_one_is_written() {
    let t = setup().await;
    let apis: Vec<_> = (0..20).map(|_| api(&t.db, &t.clock)).collect();
    let body = json!({"message": "once", "userId": "all"});
    for reply in twins(&apis, PATH, &t.admin, "k", &body).await {
        assert_eq!(reply.data(201), json!({"count": 3}));
    }
    assert_eq!(t.db.count("select count(*) from notifications").await, 1);
}

#[tokio::test]
async fn what_is_deleted_while_it_is_marked_is_missing() {
    let t = setup().await;
    let apis: Vec<_> = (0..16).map(|_| api(&t.db, &t.clock)).collect();
    for _ in 0..20 {
        t.tell("all", "gone in a moment").await;
        let id = t.db.count("select max(id) from notifications").await;
        let mark = async |number: usize, api: &Api| {
            let (method, path, token) = match number {
                0 => ("DELETE", format!("{PATH}/{id}"), &t.admin),
                n if n % 2 == 0 => ("PATCH", format!("{PATH}/mark-all-read"), &t.token),
                _ => ("PATCH", format!("{PATH}/{id}/read"), &t.other),
            };
            let status = api.call(method, &path, Some(token), None).await.status;
            assert!([200, 404].contains(&status.as_u16()), "{method} {path}: {status}");
        };
        let calls = apis.iter().enumerate().map(|(number, api)| mark(number, api));
        futures_util::future::join_all(calls).await;
    }
    assert_eq!(t.db.count("select count(*) from notifications").await, 0);
    assert_eq!(t.db.count("select count(*) from notification_marks").await, 0);
}

#[tokio::test]
async fn what_admins_do_leaves_one_row_in_the_audit_log() {
    let t = setup().await;
    let id = t.tell(t.buyer, "x").await["id"].clone();
    t.db.run("alter table audit_log disable trigger all; delete from audit_log; alter table audit_log enable trigger all")
        .await;
    // What people mark for themselves is nobody's business, nor that they follow it.
    let own = [
        "create_socket_ticket",
        "mark_notification_read",
        "mark_notification_unread",
        "mark_all_notifications_read",
    ];
    testkit::every_change_is_audited(&t.db, notifications::ROUTES, &own, async |route| match route.id {
        "create_notification" => {
            let body = json!({"message": "secret", "userId": "all"});
            t.api.post(PATH, Some(&t.admin), body).await
        }
        "delete_notification" => {
            let path = format!("{PATH}/{id}");
            t.api.call("DELETE", &path, Some(&t.admin), None).await
        }
        other => panic!("{other} is new: say here how it is called"),
    })
    .await;
    let told = "select string_agg(concat_ws(' ', subject_kind, changes), '; ' order by id) from audit_log";
    assert_eq!(
        t.db.text(told).await,
        "notification {\"userId\": {\"to\": \"all\"}}; notification {}"
    );
}

#[tokio::test]
async fn a_ticket_for_a_websocket_is_kept_as_a_hash_and_there_are_not_too_many() {
    let t = setup().await;
    let ask = async || {
        t.api
            .event("http/notifications/create_socket_ticket.json", Some(&t.token))
            .await
    };
    let data = ask().await.data(201);
    let ticket = data["ticket"].as_str().unwrap();
    assert_eq!(ticket.len(), 64);
    assert_eq!(data["expiresAt"], t.clock.now().plus_seconds(60).to_string());
    let hash = runtime::random::to_hex(&runtime::random::sha256(ticket));
    let sql = "select encode(token_hash, 'hex') from socket_tickets";
    assert_eq!(t.db.text(sql).await, hash);
    for _ in 1..20 {
        assert_ne!(ask().await.data(201)["ticket"], ticket);
    }
    assert_eq!(ask().await.error(429), "rate_limited");
    let other = t
        .api
        .post("/api/v1/realtime/tickets", Some(&t.other), json!({}))
        .await;
    other.data(201);
    t.clock.advance(60);
    ask().await.data(201);
    assert_eq!(t.db.count("select count(*) from socket_tickets").await, 2);
}

#[tokio::test]
async fn those_who_follow_their_notifications_are_told_at_once() {
    let t = setup().await;
    t.tell(t.buyer, "x").await;
    t.tell("all", "y").await;
    let published = "select count(*) from outbox where queue = 'notices' and published_at is not null";
    assert_eq!(t.db.count(published).await, 2);
}

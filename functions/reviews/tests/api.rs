#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use domain::language::Language;
use domain::page::Page;
use domain::user::Role;
use domain::{TicketTypeId, UserId};
use reviews::{App, router};
use runtime::{Clock, Env};
use serde_json::{Value, json};
use testkit::{Api, Reply, Rows, TestDb, TestTokens, start, twins};
use web::Site;

const PATH: &str = "/api/v1/reviews";

struct Setup {
    db: TestDb,
    api: Api,
    clock: Clock,
    ticket: TicketTypeId,
    ayu: UserId,
    admin: String,
    organizer: String,
    author: String,
    reader: String,
}

/// The function with a connection of its own, as an execution environment has.
fn api(db: &TestDb, clock: &Clock) -> Api {
    let app = App {
        db: db.db(),
        tokens: TestTokens::checker(),
        clock: clock.clone(),
    };
    Api::new(router(app, Site::from_env(&Env::default())))
}

async fn setup() -> Setup {
    let (db, clock) = (TestDb::new().await, Clock::set_to(start()));
    let rows = Rows(&db);
    let ticket = rows.on_sale(50_000, 10).await;
    let organizer = UserId::new(db.count("select organizer_id from events").await);
    let admin = rows.user("admin@example.test", Role::Admin).await;
    let ayu = rows.buyer("ayu@example.test").await;
    let reader = rows.buyer("reader@example.test").await;
    Setup {
        api: api(&db, &clock),
        admin: TestTokens::of(admin, Role::Admin, &clock),
        organizer: TestTokens::of(organizer, Role::Organizer, &clock),
        author: TestTokens::of(ayu, Role::User, &clock),
        reader: TestTokens::of(reader, Role::User, &clock),
        ayu,
        ticket,
        clock,
        db,
    }
}

impl Setup {
    async fn review(&self, token: &str, rating: i32, comment: &str) -> Value {
        let body = json!({"rating": rating, "comment": comment, "ticketId": self.ticket});
        self.api.post(PATH, Some(token), body).await.data(201)
    }

    async fn call(&self, method: &str, path: &str, token: &str, body: Value) -> Reply {
        let path = format!("{PATH}/{path}");
        self.api.call(method, &path, Some(token), Some(body)).await
    }

    /// What a list says, and its total.
    async fn list(&self, path: &str, token: Option<&str>) -> (Vec<Value>, i64) {
        let list = self.api.get(&format!("{PATH}{path}"), token).await.data(200);
        let total = list["meta"]["total"].as_i64().unwrap();
        (list["reviews"].as_array().unwrap().clone(), total)
    }

    async fn numbers(&self) -> (Value, Value) {
        let path = format!("{PATH}/ticket/{}/analytics", self.ticket);
        let numbers = self.api.get(&path, None).await.data(200);
        (numbers["count"].clone(), numbers["mean"].clone())
    }

    /// What the author was told last.
    async fn told(&self) -> String {
        let (conn, page) = (self.db.client().await, Page { number: 1, limit: 1 });
        let (told, _) = db::notifications::list(&conn, self.ayu, page, Language::En)
            .await
            .unwrap();
        told.into_iter()
            .next()
            .map_or("nothing".to_owned(), |told| told.message)
    }
}

#[tokio::test]
async fn a_review_is_written_read_changed_and_deleted() {
    let t = setup().await;
    let made = t
        .api
        .event("http/reviews/create_review.json", Some(&t.author))
        .await;
    let review = made.data(201);
    assert_eq!(made.message(), "Review created successfully");
    let keys: Vec<_> = review.as_object().unwrap().keys().map(String::as_str).collect();
    let known = [
        "id",
        "rating",
        "comment",
        "userId",
        "ticketId",
        "createdAt",
        "updatedAt",
        "user",
        "ticket",
    ];
    assert_eq!(keys[..9], known);
    assert_eq!(review["user"], json!({"id": t.ayu, "name": "ayu"}));
    let keys: Vec<_> = review["ticket"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(keys, ["id", "name", "event", "category"]);
    assert_eq!(
        (&review["verified"], &review["status"], &review["reason"]),
        (&json!(false), &json!("shown"), &Value::Null)
    );
    let id = &review["id"];
    assert_eq!(t.api.get(&format!("{PATH}/{id}"), None).await.data(200), review);
    for path in [String::new(), format!("/ticket/{}", t.ticket)] {
        assert_eq!(t.list(&path, None).await, (vec![review.clone()], 1));
    }
    let (mine, _) = t.list(&format!("/user/{}", t.ayu), None).await;
    assert!(mine[0].get("user").is_none() && mine[0]["id"] == *id);
    t.clock.advance(60);
    let changed = t
        .call("PATCH", &id.to_string(), &t.author, json!({"rating": "3"}))
        .await;
    assert_eq!(changed.message(), "Review updated successfully");
    let changed = changed.data(200);
    assert_eq!(
        (&changed["rating"], &changed["comment"], &changed["updatedAt"]),
        (
            &json!(3),
            &json!("What a night!"),
            &json!("2030-01-01T12:01:00.000Z")
        )
    );
    assert_eq!(t.numbers().await, (json!(1), json!(3.0)));
    let unchanged = t.call("PATCH", &id.to_string(), &t.author, json!({})).await;
    assert_eq!(unchanged.data(200), changed);
    let deleted = t.call("DELETE", &id.to_string(), &t.author, json!({})).await;
    assert_eq!(
        (deleted.message().as_str(), deleted.data(200)),
        ("Review deleted successfully", Value::Null)
    );
    assert_eq!(t.list("", None).await.1, 0);
    assert_eq!(t.numbers().await, (json!(0), Value::Null));
}

#[tokio::test]
async fn whoever_has_a_ticket_is_marked_until_it_is_void() {
    let t = setup().await;
    let id = t.review(&t.author, 5, "great").await["id"].clone();
    Rows(&t.db).bought(t.ayu, t.ticket, 1).await;
    let path = format!("{PATH}/{id}");
    assert_eq!(t.api.get(&path, None).await.data(200)["verified"], true);
    t.db.run("update issued_tickets set status = 'void'").await;
    assert_eq!(t.api.get(&path, None).await.data(200)["verified"], false);
}

#[tokio::test]
async fn nobody_reviews_twice_whatever_they_try() {
    let t = setup().await;
    let apis: Vec<_> = (0..20).map(|_| api(&t.db, &t.clock)).collect();
    let body = json!({"rating": 5, "comment": "great", "ticketId": t.ticket});
    let calls = apis
        .iter()
        .map(|api| api.post(PATH, Some(&t.author), body.clone()));
    let heard = futures_util::future::join_all(calls).await;
    assert_eq!(heard.iter().filter(|reply| reply.status == 201).count(), 1);
    let refused = heard.iter().filter(|reply| reply.status != 201);
    assert!(
        refused
            .map(|reply| reply.error(409))
            .all(|code| code == "already_reviewed")
    );
    for reply in twins(&apis, PATH, &t.reader, "k", &body).await {
        reply.data(201);
    }
    assert_eq!(t.db.count("select count(*) from reviews").await, 2);
    assert_eq!(t.numbers().await, (json!(2), json!(5.0)));
}

#[tokio::test]
async fn what_holds_a_link_waits_for_a_moderator_and_its_author_is_told() {
    let t = setup().await;
    let held = t.review(&t.author, 1, "cheaper at www.kaos").await;
    assert_eq!(
        (&held["status"], &held["reason"]),
        (&json!("held"), &json!("it holds a link"))
    );
    assert!(t.told().await.ends_with("waits for a moderator: it holds a link"));
    let id = held["id"].to_string();
    let path = format!("{PATH}/{id}");
    assert_eq!(t.list("", None).await.1, 0);
    assert_eq!(t.numbers().await.0, 0);
    assert_eq!(t.api.get(&path, None).await.error(404), "not_found");
    assert_eq!(t.api.get(&path, Some(&t.reader)).await.error(404), "not_found");
    for token in [&t.author, &t.organizer, &t.admin] {
        assert_eq!(t.api.get(&path, Some(token)).await.data(200)["status"], "held");
    }
    let mine = format!("/user/{}", t.ayu);
    assert_eq!(
        (
            t.list(&mine, Some(&t.author)).await.1,
            t.list(&mine, None).await.1
        ),
        (1, 0)
    );
    // Without the link it waits all the same, because a moderator has not seen it yet.
    let changed = t
        .call("PATCH", &id, &t.author, json!({"comment": "cheaper elsewhere"}))
        .await;
    assert_eq!(changed.data(200)["status"], "held");
    for token in [&t.organizer, &t.admin] {
        let (queue, total) = t.list("/moderation", Some(token)).await;
        assert_eq!((&queue[0]["id"], total), (&held["id"], 1));
    }
    let shown = t
        .call("POST", &format!("{id}/approve"), &t.organizer, json!({}))
        .await;
    assert_eq!(shown.data(200)["status"], "shown");
    assert!(t.told().await.ends_with("is shown now"));
    assert_eq!(t.numbers().await, (json!(1), json!(1.0)));
    assert_eq!(t.list("/moderation", Some(&t.admin)).await.1, 0);
    let hidden = t
        .call(
            "POST",
            &format!("{id}/hide"),
            &t.admin,
            json!({"reason": "off topic"}),
        )
        .await;
    assert_eq!(
        (&hidden.data(200)["reason"], &t.numbers().await.0),
        (&json!("off topic"), &json!(0))
    );
    assert!(t.told().await.ends_with("was hidden: off topic"));
    let changed = t
        .call("PATCH", &id, &t.author, json!({"comment": "better now"}))
        .await;
    assert_eq!(changed.data(200)["status"], "held");
    let rated = t.call("PATCH", &id, &t.author, json!({"rating": 5})).await;
    assert_eq!(rated.data(200)["status"], "held");
}

#[tokio::test]
async fn readers_report_a_review_once_each() {
    let t = setup().await;
    let id = t.review(&t.author, 1, "buy mine instead").await["id"].to_string();
    let reports = format!("{id}/reports");
    let body = json!({"reason": "It is an advertisement"});
    for _ in 0..2 {
        t.call("POST", &reports, &t.reader, body.clone()).await.data(200);
    }
    let own = t.call("POST", &reports, &t.author, body.clone()).await;
    assert_eq!(own.error(409), "own_review");
    let (queue, total) = t.list("/moderation", Some(&t.organizer)).await;
    assert_eq!((&queue[0]["openReports"], total), (&json!(1), 1));
    // It stays in sight until a moderator decides.
    assert_eq!(t.numbers().await.0, 1);
    t.call("POST", &format!("{id}/approve"), &t.admin, json!({}))
        .await
        .data(200);
    assert_eq!(t.list("/moderation", Some(&t.organizer)).await.1, 0);
    assert_eq!(t.told().await, "nothing");
    t.call("POST", &format!("{id}/hide"), &t.admin, json!({"reason": "spam"}))
        .await
        .data(200);
    assert_eq!(
        t.call("POST", &reports, &t.admin, body).await.error(404),
        "not_found"
    );
}

#[tokio::test]
async fn others_neither_change_nor_moderate_a_review() {
    let t = setup().await;
    let id = t.review(&t.author, 4, "fine").await["id"].to_string();
    for token in [&t.reader, &t.organizer, &t.admin] {
        for method in ["PATCH", "DELETE"] {
            let reply = t.call(method, &id, token, json!({"rating": 1})).await;
            assert_eq!(reply.error(404), "not_found");
        }
    }
    let other = Rows(&t.db).user("other@example.test", Role::Organizer).await;
    let other = TestTokens::of(other, Role::Organizer, &t.clock);
    let body = json!({"reason": "envy"});
    for (token, status) in [(&other, 404), (&t.author, 403), (&t.reader, 403)] {
        for verb in ["approve", "hide"] {
            let reply = t.call("POST", &format!("{id}/{verb}"), token, body.clone()).await;
            assert_eq!(reply.status, status, "{verb}");
        }
    }
    assert_eq!(t.list("/moderation", Some(&other)).await.1, 0);
    // Columns that are not the author's to set are not looked at.
    let body =
        json!({"rating": 2, "userId": 1, "status": "hidden", "verified": true, "createdAt": "2000-01-01"});
    let changed = t.call("PATCH", &id, &t.author, body).await.data(200);
    assert_eq!(
        (&changed["userId"], &changed["status"]),
        (&json!(t.ayu), &json!("shown"))
    );
    assert_eq!(
        (&changed["verified"], &changed["rating"]),
        (&json!(false), &json!(2))
    );
}

#[tokio::test]
async fn numbers_tell_days_and_weeks() {
    let t = setup().await;
    let rows = Rows(&t.db);
    // 2030-01-01 is a Tuesday.
    for (number, (rating, days)) in [(5, 0), (4, 1), (1, 1), (5, 7)].into_iter().enumerate() {
        let user = rows.buyer(&format!("guest{number}@example.test")).await;
        let clock = Clock::set_to(start().plus_seconds(days * 86_400));
        let token = TestTokens::of(user, Role::User, &clock);
        let body = json!({"rating": rating, "comment": "x", "ticketId": t.ticket});
        api(&t.db, &clock).post(PATH, Some(&token), body).await.data(201);
    }
    let event = t.db.count("select id from events").await;
    let day = |since: &str, count: i64, mean: f64| json!({"since": since, "count": count, "mean": mean});
    for path in [format!("ticket/{}", t.ticket), format!("event/{event}")] {
        let path = format!("{PATH}/{path}/analytics");
        let numbers = t.api.get(&path, None).await.data(200);
        assert_eq!((&numbers["count"], &numbers["mean"]), (&json!(4), &json!(3.75)));
        let bars: Vec<_> = numbers["histogram"]
            .as_array()
            .unwrap()
            .iter()
            .map(|bar| bar["count"].as_i64().unwrap())
            .collect();
        assert_eq!(bars, [1, 0, 0, 1, 2]);
        let days = json!([
            day("2030-01-01", 1, 5.0),
            day("2030-01-02", 2, 2.5),
            day("2030-01-08", 1, 5.0)
        ]);
        assert_eq!(numbers["trend"], days);
        let weeks = t.api.get(&format!("{path}?by=week"), None).await.data(200);
        assert_eq!(
            weeks["trend"],
            json!([day("2029-12-31", 3, 3.33), day("2030-01-07", 1, 5.0)])
        );
        let bad = t.api.get(&format!("{path}?by=year"), None).await;
        assert_eq!(bad.error(400), "invalid_input");
    }
    t.db.run("update events set status = 'draft'").await;
    for path in [
        format!("ticket/{}", t.ticket),
        format!("event/{event}/analytics"),
        format!("ticket/{}/analytics", t.ticket),
    ] {
        assert_eq!(
            t.api.get(&format!("{PATH}/{path}"), None).await.error(404),
            "not_found"
        );
        t.api
            .get(&format!("{PATH}/{path}"), Some(&t.organizer))
            .await
            .data(200);
    }
    assert_eq!(t.list("", None).await.1, 0);
}

#[tokio::test]
async fn bad_input_is_told_by_field() {
    let t = setup().await;
    for (rating, comment, message) in [
        (json!(0), json!("x"), "Rating must be between 1 and 5"),
        (json!("6"), json!("x"), "Rating must be between 1 and 5"),
        (json!(4.5), json!("x"), "\"rating\" must be a whole number"),
        (json!(5), json!(" "), "Comment is required"),
        (json!(5), Value::Null, "\"comment\" must be a string"),
        (
            json!(5),
            json!("x".repeat(2_001)),
            "\"comment\" must be at most 2000 characters long",
        ),
    ] {
        let body = json!({"rating": rating, "comment": comment, "ticketId": t.ticket});
        let reply = t.api.post(PATH, Some(&t.author), body).await;
        assert_eq!(
            (reply.error(400).as_str(), reply.message().as_str()),
            ("invalid_input", message)
        );
    }
    let body = json!({"rating": 5, "comment": "x", "ticketId": 9999});
    let missing = t.api.post(PATH, Some(&t.author), body).await;
    assert_eq!(
        (missing.error(404).as_str(), missing.message().as_str()),
        ("not_found", "Ticket not found")
    );
    t.db.run(&format!("update users set is_guest = true where id = {}", t.ayu))
        .await;
    let body = json!({"rating": 5, "comment": "x", "ticketId": t.ticket});
    let guest = t.api.post(PATH, Some(&t.author), body).await;
    assert_eq!(guest.error(409), "account_required");
    assert_eq!(t.db.count("select count(*) from reviews").await, 0);
}

#[tokio::test]
async fn every_change_leaves_one_row_in_the_audit_log() {
    let t = setup().await;
    t.review(&t.reader, 4, "fine").await;
    t.db.run("alter table audit_log disable trigger all; delete from audit_log; alter table audit_log enable trigger all")
        .await;
    testkit::every_change_is_audited(&t.db, reviews::ROUTES, &[], async |route| {
        let first = t.db.count("select min(id) from reviews").await;
        let last = t.db.count("select max(id) from reviews").await;
        let reason = json!({"reason": "off topic"});
        match route.id {
            "create_review" => {
                let body = json!({"rating": 5, "comment": "great", "ticketId": t.ticket});
                t.api.post(PATH, Some(&t.author), body).await
            }
            "update_review" => {
                t.call(
                    "PATCH",
                    &first.to_string(),
                    &t.reader,
                    json!({"comment": "so so"}),
                )
                .await
            }
            "delete_review" => t.call("DELETE", &last.to_string(), &t.author, json!({})).await,
            "report_review" => {
                t.call("POST", &format!("{first}/reports"), &t.author, reason)
                    .await
            }
            "approve_review" => {
                t.call("POST", &format!("{first}/approve"), &t.organizer, json!({}))
                    .await
            }
            "hide_review" => {
                t.call("POST", &format!("{first}/hide"), &t.organizer, reason)
                    .await
            }
            other => panic!("{other} is new: say here how it is called"),
        }
    })
    .await;
    let concerned = "select count(*) from audit_log where event_id is null";
    assert_eq!(t.db.count(concerned).await, 0);
}

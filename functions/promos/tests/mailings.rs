//! Promotional mails over HTTP: who may write what to whom, and what may be done with one.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use domain::user::Role;
use domain::{EventId, TicketTypeId, UserId};
use promos::{App, router};
use runtime::{Clock, Env};
use serde_json::{Value, json};
use std::num::NonZeroU32;
use testkit::{Api, Reply, Rows, TestDb, TestTokens, start, twins};
use web::Site;

const MAILINGS: &str = "/api/v1/promos/mailings";

struct Setup {
    db: TestDb,
    api: Api,
    organizer_id: UserId,
    organizer: String,
    other: String,
    admin: String,
    event: EventId,
    ticket: TicketTypeId,
}

fn api(db: &TestDb) -> Api {
    let app = App {
        db: db.db(),
        store: kv::Store::in_memory(),
        caller_factor: NonZeroU32::MIN,
        tokens: TestTokens::checker(),
        clock: Clock::set_to(start()),
    };
    Api::new(router(app, Site::from_env(&Env::default())))
}

async fn setup() -> Setup {
    let (db, clock) = (TestDb::new().await, Clock::set_to(start()));
    let rows = Rows(&db);
    let organizer_id = rows.user("organizer@example.test", Role::Organizer).await;
    let other = rows.user("other@example.test", Role::Organizer).await;
    let admin = rows.user("admin@example.test", Role::Admin).await;
    let category = rows.category("Concert").await;
    let event = rows.event(organizer_id, "Java Jazz").await;
    let ticket = rows.ticket_type(organizer_id, event, category, 50_000, 100).await;
    Setup {
        api: api(&db),
        organizer: TestTokens::of(organizer_id, Role::Organizer, &clock),
        other: TestTokens::of(other, Role::Organizer, &clock),
        admin: TestTokens::of(admin, Role::Admin, &clock),
        organizer_id,
        event,
        ticket,
        db,
    }
}

fn words() -> Value {
    json!({"en": {"subject": "Hello", "text": "Do come."}})
}

impl Setup {
    async fn make(&self, token: &str, changes: Value) -> Reply {
        let mut body = json!({"audience": "past_buyers", "messages": words()});
        for (key, value) in changes.as_object().unwrap() {
            body[key] = value.clone();
        }
        self.api.post(MAILINGS, Some(token), body).await
    }

    /// A draft of the organizer, as the path that leads to it.
    async fn draft(&self) -> String {
        let made = self.make(&self.organizer, json!({"eventId": self.event})).await;
        format!("{MAILINGS}/{}", made.data(201)["id"])
    }

    async fn step(&self, path: &str, step: &str) -> Reply {
        let path = format!("{path}/{step}");
        self.api.post(&path, Some(&self.organizer), json!({})).await
    }

    async fn status(&self, path: &str, step: &str) -> Value {
        self.step(path, step).await.data(200)["status"].clone()
    }

    async fn patch(&self, path: &str, body: Value) -> Reply {
        self.api
            .call("PATCH", path, Some(&self.organizer), Some(body))
            .await
    }
}

#[tokio::test]
async fn the_files_of_events_lead_from_a_draft_to_the_end() {
    let t = setup().await;
    let event = async |name: &str| {
        let file = format!("http/promos/{name}.json");
        t.api.event(&file, Some(&t.organizer)).await
    };
    let made = event("create_mailing").await.data(201);
    assert_eq!(
        (&made["status"], &made["audience"], &made["organizerId"]),
        (&json!("draft"), &json!("past_buyers"), &json!(t.organizer_id))
    );
    assert_eq!(made["messages"]["id"]["subject"], "Konser baru");
    assert_eq!(event("list_mailings").await.data(200)["mailings"][0], made);
    let updated = event("update_mailing").await.data(200);
    assert_eq!(updated["messages"]["id"], Value::Null);
    let nobody = json!({"recipients": 0, "waiting": 0, "sent": 0, "skipped": []});
    assert_eq!(event("get_mailing_audience").await.data(200), nobody);
    let sent = event("send_mailing").await.data(200);
    assert_eq!(
        (&sent["status"], &sent["sendAt"]),
        (&json!("scheduled"), &json!("2030-01-05T02:00:00.000Z"))
    );
    assert_eq!(event("pause_mailing").await.data(200)["status"], "paused");
    assert_eq!(event("resume_mailing").await.data(200)["status"], "scheduled");
    assert_eq!(event("cancel_mailing").await.data(200)["status"], "cancelled");
    let read = event("get_mailing").await.data(200);
    assert_eq!((&read["progress"], &read["counted"]), (&nobody, &json!(false)));
    assert_ne!(read["finishedAt"], Value::Null);
    let audited = "select string_agg(action, ' ' order by id) from audit_log where subject_kind = 'mailing'";
    assert_eq!(
        t.db.text(audited).await,
        "create_mailing update_mailing send_mailing pause_mailing resume_mailing cancel_mailing"
    );
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused() {
    let t = setup().await;
    let organizer = t.organizer.as_str();
    for bad in [
        json!({"messages": {}}),
        json!({"messages": {"fr": {"subject": "a", "text": "b"}}}),
        json!({"messages": {"en": {"subject": "", "text": "b"}}}),
        json!({"messages": {"en": {"subject": "a", "text": "see https://evil.example"}}}),
        json!({"messages": {"en": {"subject": "a", "text": "b".repeat(5_001)}}}),
        json!({"audience": "all"}),
        json!({"audience": "followers"}),
        json!({"audience": "followers", "eventId": t.event, "pastEventId": t.event}),
    ] {
        assert_eq!(
            t.make(organizer, bad.clone()).await.error(400),
            "invalid_input",
            "{bad}"
        );
    }
    let everybody = json!({"audience": "everybody"});
    assert_eq!(t.make(organizer, everybody.clone()).await.error(403), "forbidden");
    assert_eq!(
        t.make(&t.admin, everybody).await.data(201)["organizerId"],
        Value::Null
    );
    // Events and codes of others are not there.
    Rows(&t.db).promo("PLATFORM", "percent = 1000").await;
    for theirs in [
        json!({"eventId": t.event}),
        json!({"pastEventId": t.event}),
        json!({"promoCode": "PLATFORM"}),
    ] {
        assert_eq!(
            t.make(&t.other, theirs.clone()).await.error(404),
            "not_found",
            "{theirs}"
        );
        assert_eq!(t.make(&t.admin, theirs).await.status, 201);
    }
}

#[tokio::test]
async fn a_repeated_request_makes_one_draft() {
    let t = setup().await;
    let body = json!({"audience": "past_buyers", "messages": words()});
    let apis = [api(&t.db), api(&t.db)];
    for reply in twins(&apis, MAILINGS, &t.organizer, "key", &body).await {
        assert!([201, 409].contains(&reply.status.as_u16()), "{}", reply.status);
    }
    assert_eq!(
        t.api.post_once(MAILINGS, &t.organizer, "key", &body).await.status,
        201
    );
    assert_eq!(t.db.count("select count(*) from mailings").await, 1);
}

#[tokio::test]
async fn the_audience_says_whom_it_would_reach_and_who_would_be_left_out() {
    let t = setup().await;
    let rows = Rows(&t.db);
    let mut buyers = Vec::new();
    for name in ["ayu", "budi", "citra"] {
        let buyer = rows.buyer(&format!("{name}@example.test")).await;
        rows.bought(buyer, t.ticket, 1).await;
        buyers.push(buyer);
    }
    t.db.run(&format!(
        "insert into preferences (user_id, mail_promotions, updated_at) values ({}, true, now()), ({}, true, now());
         insert into mail_suppressions (address_hash, complained_at)
             select sha256(convert_to(email, 'UTF8')), now() from users where id = {}",
        buyers[0], buyers[1], buyers[1]
    ))
    .await;
    let path = t.draft().await;
    let audience = t
        .api
        .get(&format!("{path}/audience"), Some(&t.organizer))
        .await
        .data(200);
    let wanted = json!({
        "recipients": 3, "waiting": 1, "sent": 0,
        "skipped": [{"reason": "unwanted", "recipients": 1}, {"reason": "complained", "recipients": 1}],
    });
    assert_eq!(audience, wanted);
}

#[tokio::test]
async fn steps_that_repeat_change_nothing_and_those_that_come_too_late_are_refused() {
    let t = setup().await;
    let path = t.draft().await;
    assert_eq!(t.step(&path, "pause").await.error(409), "mailing_draft");
    assert_eq!(t.status(&path, "send").await, "scheduled");
    assert_eq!(t.status(&path, "send").await, "scheduled");
    assert_eq!(
        t.patch(&path, json!({"messages": words()})).await.error(409),
        "mailing_begun"
    );
    t.db.run("update mailings set status = 'sending', started_at = now()")
        .await;
    assert_eq!(t.step(&path, "send").await.error(409), "mailing_begun");
    for (step, status) in [
        ("pause", "paused"),
        ("pause", "paused"),
        ("resume", "sending"),
        ("resume", "sending"),
        ("cancel", "cancelled"),
        ("cancel", "cancelled"),
    ] {
        assert_eq!(t.status(&path, step).await, status, "{step}");
    }
    for step in ["send", "pause", "resume"] {
        assert_eq!(t.step(&path, step).await.error(409), "mailing_over", "{step}");
    }
    let at = |text: &str| json!({"sendAt": text});
    let draft = t.draft().await;
    for bad in ["2029-12-31T00:00:00Z", "2031-01-01T00:00:00Z", "soon"] {
        let reply = t
            .api
            .post(&format!("{draft}/send"), Some(&t.organizer), at(bad))
            .await;
        assert_eq!(reply.error(400), "invalid_input", "{bad}");
    }
}

#[tokio::test]
async fn an_offer_that_is_over_is_not_sent() {
    let t = setup().await;
    let path = t.draft().await;
    t.db.run("update events set status = 'draft'").await;
    assert_eq!(t.step(&path, "send").await.error(409), "offer_over");
    t.db.run("update events set status = 'published'").await;
    let late = json!({"sendAt": "2030-03-01T00:00:00Z"});
    let reply = t
        .api
        .post(&format!("{path}/send"), Some(&t.organizer), late)
        .await;
    assert_eq!(reply.error(409), "offer_over", "the event is over by then");
    assert_eq!(t.status(&path, "send").await, "scheduled");
    // An event that was promoted is not deleted any more.
    let kept = "select count(*) from events";
    assert_eq!(t.db.count(kept).await, 1);
}

#[tokio::test]
async fn an_organizer_begins_three_a_day_however_many_are_sent_at_once() {
    let t = setup().await;
    let mut drafts = Vec::new();
    for _ in 0..8 {
        drafts.push(t.draft().await);
    }
    let apis: Vec<Api> = drafts.iter().map(|_| api(&t.db)).collect();
    let sends = drafts.iter().zip(&apis).map(|(path, api)| {
        let (path, token) = (format!("{path}/send"), t.organizer.clone());
        async move { api.post(&path, Some(&token), json!({})).await }
    });
    let replies = futures_util::future::join_all(sends).await;
    let sent = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(sent, 3);
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        assert_eq!(reply.error(409), "too_many_mailings");
    }
    let waiting = "select id from mailings where status = 'draft' limit 1";
    let path = format!("{MAILINGS}/{}", t.db.count(waiting).await);
    let later = json!({"sendAt": "2030-01-02T12:00:01Z"});
    let reply = t
        .api
        .post(&format!("{path}/send"), Some(&t.organizer), later)
        .await;
    assert_eq!(reply.data(200)["status"], "scheduled");
    // One that was cancelled before it began does not count.
    let first = "select id from mailings where status = 'scheduled' order by send_at, id limit 1";
    let cancelled = format!("{MAILINGS}/{}", t.db.count(first).await);
    assert_eq!(t.step(&path, "cancel").await.status, 200);
    assert_eq!(t.status(&cancelled, "cancel").await, "cancelled");
    let path = format!("{MAILINGS}/{}", t.db.count(waiting).await);
    assert_eq!(t.status(&path, "send").await, "scheduled");
}

#[tokio::test]
async fn a_mailing_is_its_owners_alone() {
    let t = setup().await;
    let path = t.draft().await;
    for (method, path, body) in [
        ("GET", path.clone(), json!({})),
        ("GET", format!("{path}/audience"), json!({})),
        ("PATCH", path.clone(), json!({"messages": words()})),
        ("POST", format!("{path}/send"), json!({})),
        ("POST", format!("{path}/cancel"), json!({})),
    ] {
        let reply = t.api.call(method, &path, Some(&t.other), Some(body)).await;
        assert_eq!(reply.error(404), "not_found", "{method} {path}");
    }
    let list = t.api.get(MAILINGS, Some(&t.other)).await.data(200);
    assert_eq!(list["meta"]["total"], 0);
    assert_eq!(
        t.api.get(MAILINGS, Some(&t.admin)).await.data(200)["meta"]["total"],
        1
    );
}

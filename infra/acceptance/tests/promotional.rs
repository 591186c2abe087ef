//! A promotional mail from the draft to the last of its audience: what people want, one click that ends it, pause and cancel, a
//! sender that is killed, and others' mails meanwhile. `GIGGLEFEST_CROWD` says how many wait while somebody buys, 1,000 unless set.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_macros,
    reason = "`--nocapture` shows the report"
)]

use acceptance::{
    Buyer, Database, Event, Fleet, Organizer, PASSWORD, Reply, TicketTerms, eventually, unique,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(300);

/// An organizer of the test's own, because one may begin three mailings a day, with an event in a category of its own.
struct Promoter {
    fleet: Fleet,
    db: Database,
    organizer: Organizer,
    event: Event,
    category: i64,
    ticket: i64,
    mark: String,
}

impl Promoter {
    async fn new() -> Self {
        let fleet = Fleet::running();
        let (db, mark) = (fleet.database().await, unique());
        let account = Buyer::register(&fleet).await;
        db.run(
            "update users set role = 'organizer' where id = $1",
            &[&account.id],
        )
        .await;
        let account = Buyer::log_in(&fleet, &account.email, PASSWORD).await;
        let organizer = Organizer {
            id: account.id,
            api: account.api,
        };
        let admin = Organizer::with_role(&fleet, "admin").await;
        let category = json!({"name": format!("Promoted {mark}")});
        let category = admin.api.post("/categories", &category).await.data(201)["id"]
            .as_i64()
            .unwrap();
        let event = organizer.event("Promoted").await;
        let terms = TicketTerms {
            price: 0,
            quantity: 1_000,
        };
        let ticket = event.sell_under(terms, &json!({"categoryId": category})).await;
        Self {
            fleet,
            db,
            organizer,
            event,
            category,
            ticket,
            mark,
        }
    }

    /// People who want promotional mails and follow the category.
    async fn crowd(&self, size: i64) {
        for first in (1..=size).step_by(5_000) {
            let last = size.min(first + 4_999);
            let sql = "
                with crowd as (
                    insert into users (email, password_hash, name, age, phone_number, role, is_verified, created_at, updated_at)
                    select 'promoted-' || $1::text || '-' || n || '@acceptance.example', '!', 'Crowd', 30, '0812', 'user', true,
                           now(), now()
                    from generate_series($2::bigint, $3::bigint) n returning id
                ), wishes as (
                    insert into preferences (user_id, mail_promotions, updated_at) select id, true, now() from crowd
                )
                insert into followed_categories (user_id, category_id, created_at) select id, $4::bigint, now() from crowd";
            self.db
                .run(sql, &[&self.mark, &first, &last, &self.category])
                .await;
        }
    }

    /// A draft about the event, as the path that leads to it.
    async fn draft(&self, audience: &str, subject: &str) -> String {
        let body = json!({
            "audience": audience, "eventId": self.event.id,
            "messages": {
                "id": {"subject": format!("{subject} Halo"), "text": "Datanglah!\n\nKami tunggu."},
                "en": {"subject": format!("{subject} Hello"), "text": "Do come!\n\nWe are waiting for you."},
            },
        });
        let made = self.organizer.api.post("/promos/mailings", &body).await.data(201);
        format!("/promos/mailings/{}", made["id"])
    }

    async fn step(&self, path: &str, step: &str) {
        let path = format!("{path}/{step}");
        self.organizer.api.post(&path, &json!({})).await.data(200);
    }

    async fn read(&self, path: &str) -> Value {
        self.organizer.api.get(path).await.data(200)
    }

    async fn sent(&self, path: &str) -> i64 {
        self.read(path).await["progress"]["sent"].as_i64().unwrap()
    }

    /// What schedules do every minute.
    async fn tick(&self) {
        for job in ["announcer", "outbox-relay"] {
            // The schedule may be at it, too, and another test may have killed it.
            let _ = self.fleet.try_invoke(job, &json!({})).await;
        }
    }

    /// Runs schedules until a mailing has ended.
    async fn end(&self, path: &str) -> Value {
        eventually("the mailing has ended", PATIENCE, async || {
            self.tick().await;
            let read = self.read(path).await;
            (read["status"] == "sent").then_some(read)
        })
        .await
    }

    /// How many mails for each of the crowd the mail service took.
    async fn taken(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for to in self.fleet.recipients().await {
            if to.starts_with(&format!("promoted-{}-", self.mark)) {
                *counts.entry(to).or_insert(0) += 1;
            }
        }
        counts
    }
}

async fn buyer(promoter: &Promoter, wishes: &Value) -> Buyer {
    let buyer = Buyer::register(&promoter.fleet).await;
    buyer.api.patch("/users/me/preferences", wishes).await.data(200);
    let order = buyer.order(promoter.ticket, 1).await;
    let body = json!({"orderId": order});
    buyer.api.post("/payments/initialize", &body).await.data(201);
    buyer
}

#[tokio::test]
async fn past_buyers_hear_what_they_want_in_their_language_until_one_click() {
    let promoter = Promoter::new().await;
    let ayu = buyer(&promoter, &json!({"mailPromotions": true, "language": "en"})).await;
    let budi = buyer(&promoter, &json!({"mailPromotions": false})).await;
    let citra = buyer(&promoter, &json!({"mailPromotions": true, "language": "id"})).await;
    let first = unique();
    let path = promoter.draft("past_buyers", &first).await;
    let audience = promoter.read(&format!("{path}/audience")).await;
    assert_eq!(
        audience,
        json!({"recipients": 3, "waiting": 2, "sent": 0, "skipped": [{"reason": "unwanted", "recipients": 1}]})
    );
    promoter.step(&path, "send").await;
    let read = promoter.end(&path).await;
    assert_eq!(
        read["progress"],
        json!({"recipients": 3, "waiting": 0, "sent": 2, "skipped": [{"reason": "unwanted", "recipients": 1}]})
    );
    let fleet = &promoter.fleet;
    let mail = fleet.mail(&ayu.email, &format!("{first} Hello")).await;
    assert!(mail.text.contains("We are waiting for you."), "{}", mail.text);
    assert!(mail.text.contains(&promoter.event.name), "{}", mail.text);
    fleet.mail(&citra.email, &format!("{first} Halo")).await;
    let subjects =
        |mails: Vec<acceptance::Mail>| mails.into_iter().map(|mail| mail.subject).collect::<Vec<_>>();
    let of_budi = subjects(fleet.mails(&budi.email).await);
    assert!(
        !of_budi.iter().any(|subject| subject.contains(&first)),
        "{of_budi:?}"
    );

    // A mail service clicks for its reader.
    let link = mail.link(&format!("{}/users/unsubscribe", fleet.api_url));
    let click = fleet.stranger().request("POST", &link);
    let click = click
        .header("content-type", "application/x-www-form-urlencoded")
        .body("List-Unsubscribe=One-Click");
    assert_eq!(Reply::of(click).await.status, 200);
    let second = unique();
    let path = promoter.draft("past_buyers", &second).await;
    promoter.step(&path, "send").await;
    let read = promoter.end(&path).await;
    assert_eq!(read["progress"]["sent"], 1, "{read}");
    fleet.mail(&citra.email, &format!("{second} Halo")).await;
    let of_ayu = subjects(fleet.mails(&ayu.email).await);
    assert!(
        !of_ayu.iter().any(|subject| subject.contains(&second)),
        "{of_ayu:?}"
    );

    // A third within a week is one too many for Citra.
    let path = promoter.draft("past_buyers", &unique()).await;
    promoter.step(&path, "send").await;
    let read = promoter.end(&path).await;
    assert_eq!(
        read["progress"]["skipped"],
        json!([{"reason": "unwanted", "recipients": 2}, {"reason": "too_many", "recipients": 1}])
    );
    // And a fourth within a day is one too many for everybody.
    let path = promoter.draft("past_buyers", &unique()).await;
    let refused = promoter
        .organizer
        .api
        .post(&format!("{path}/send"), &json!({}))
        .await;
    assert_eq!(refused.error(409), "too_many_mailings");
}

#[tokio::test]
async fn a_mailing_stops_when_it_is_paused_goes_on_and_ends_when_it_is_cancelled() {
    let promoter = Promoter::new().await;
    promoter.crowd(600).await;
    let path = promoter.draft("followers", &unique()).await;
    promoter.step(&path, "send").await;
    promoter.tick().await;
    let reaches = async |count: i64| {
        eventually("mails are sent", PATIENCE, async || {
            promoter.tick().await;
            (promoter.sent(&path).await >= count).then_some(())
        })
        .await;
    };
    /// Mails that may be with the mail service at the moment of an answer: one for each worker.
    const UNDER_WAY: i64 = 5;
    let stands = async |count: i64| {
        tokio::time::sleep(Duration::from_secs(4)).await;
        let sent = promoter.sent(&path).await;
        assert!(sent <= count + UNDER_WAY, "{sent} after {count}");
        sent
    };
    reaches(50).await;
    promoter.step(&path, "pause").await;
    let paused = stands(promoter.sent(&path).await).await;
    promoter.step(&path, "resume").await;
    reaches(paused + 50).await;
    promoter.step(&path, "cancel").await;
    let cancelled = stands(promoter.sent(&path).await).await;
    promoter.tick().await;
    let read = promoter.read(&path).await;
    assert_eq!(read["status"], "cancelled");
    assert_eq!(
        read["progress"],
        json!({
            "recipients": 600, "waiting": 0, "sent": cancelled,
            "skipped": [{"reason": "cancelled", "recipients": 600 - cancelled}],
        })
    );
    let taken = promoter.taken().await;
    assert_eq!(i64::try_from(taken.len()).unwrap(), cancelled);
    assert!(taken.values().all(|count| *count == 1));
}

#[tokio::test]
async fn each_of_a_crowd_gets_one_though_those_who_send_are_killed() {
    const CROWD: i64 = 300;
    let promoter = Promoter::new().await;
    promoter.crowd(CROWD).await;
    let path = promoter.draft("followers", &unique()).await;
    promoter.step(&path, "send").await;
    let fleet = promoter.fleet.clone();
    let running = tokio::spawn(async move { fleet.try_invoke("announcer", &json!({})).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let announcer = promoter.fleet.kill("announcer");
    let _ = running.await.unwrap();
    let mut mailer = 0;
    for reached in [40, 120, 200] {
        eventually("mails are sent", PATIENCE, async || {
            promoter.tick().await;
            (promoter.sent(&path).await >= reached).then_some(())
        })
        .await;
        mailer += promoter.fleet.kill("mailer-promotions");
    }
    // What a dead worker had in its hands is announced again a quarter of an hour later.
    let id: i64 = path.rsplit('/').next().unwrap().parse().unwrap();
    let later = "update mailing_recipients set announced_until = now() where mailing_id = $1 and announced_until is not null";
    eventually("the mailing has ended", PATIENCE, async || {
        promoter.tick().await;
        let read = promoter.read(&path).await;
        if read["status"] == "sent" {
            return Some(());
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        promoter.db.run(later, &[&id]).await;
        None
    })
    .await;
    let read = promoter.read(&path).await;
    let taken = promoter.taken().await;
    let twice = taken.values().filter(|count| **count > 1).count();
    println!("{announcer} announcers and {mailer} mailers killed, {twice} of {CROWD} mails went twice");
    assert_eq!(read["progress"]["sent"], CROWD, "{read}");
    assert_eq!(i64::try_from(taken.len()).unwrap(), CROWD);
    assert!(mailer > 0);
    // SES knows no repetition: a mailer that dies after SES got a mail and before it noted that sends that one again.
    assert!(twice <= mailer, "{twice} twice, {mailer} killed");
}

#[tokio::test]
async fn whoever_buys_gets_their_mail_while_a_crowd_waits_for_what_they_might_buy() {
    let size = std::env::var("GIGGLEFEST_CROWD").map_or(1_000, |size| size.parse().unwrap());
    let promoter = Promoter::new().await;
    promoter.crowd(size).await;
    let path = promoter.draft("followers", &unique()).await;
    promoter.step(&path, "send").await;
    let started = Instant::now();
    eventually("the crowd waits", PATIENCE, async || {
        promoter.tick().await;
        let read = promoter.read(&path).await;
        (read["counted"] == true && read["progress"]["sent"].as_i64() > Some(0)).then_some(())
    })
    .await;
    println!("{size} were written down after {:?}", started.elapsed());
    let terms = TicketTerms {
        price: 50_000,
        quantity: 100,
    };
    let ticket = promoter.event.sell(terms).await;
    let buyer = Buyer::register(&promoter.fleet).await;
    let mut slowest = Duration::ZERO;
    for _ in 0..5 {
        let order = buyer.order(ticket, 1).await;
        let began = Instant::now();
        eventually("the mail about the order", Duration::from_secs(60), async || {
            let mails = promoter.fleet.mails(&buyer.email).await;
            mails.iter().any(|mail| mail.text.contains(&order)).then_some(())
        })
        .await;
        slowest = slowest.max(began.elapsed());
        promoter.tick().await;
    }
    let read = promoter.read(&path).await;
    let waiting = read["progress"]["waiting"].as_i64().unwrap();
    let memory: Vec<String> = ["announcer", "outbox-relay", "mailer-promotions"]
        .iter()
        .map(|function| format!("{function} {} KB", promoter.fleet.peak_memory(function)))
        .collect();
    println!("slowest {slowest:?} while {waiting} of {size} waited; peak memory {memory:?}");
    promoter.step(&path, "cancel").await;
    assert!(waiting > 0, "nobody waited any more: the crowd was too small");
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
    for function in ["announcer", "outbox-relay", "mailer-promotions"] {
        let peak = promoter.fleet.peak_memory(function);
        assert!(peak < 100_000, "{function} took {peak} KB");
    }
}

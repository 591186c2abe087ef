//! A crowd is told of the change of an event, while those who tell it are killed and messages come twice: everybody has one
//! notification and one mail in the end. `GIGGLEFEST_CROWD` says how many there are.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_macros,
    reason = "`--nocapture` shows the report"
)]

use acceptance::{Buyer, Database, Event, Fleet, Organizer, TicketTerms, eventually, unique};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(1_200);

/// Processes of the mailer that are killed while it has something to do.
const KILLS: u32 = 5;

/// What the crowd was told, as the report prints it.
#[derive(Debug, Default)]
struct Counts {
    crowd: i64,
    announcer_killed: usize,
    relay_killed: usize,
    mailer_killed: usize,
    repeated: i64,
    put_back: i64,
    notifications: i64,
    mails: usize,
    twice: usize,
}

struct Crowd {
    fleet: Fleet,
    db: Database,
    organizer: Organizer,
    event: Event,
    mark: String,
    size: i64,
}

impl Crowd {
    /// So many people with one ticket each. They did not buy them, so they are taken away again in the end.
    async fn new(size: i64) -> Self {
        let fleet = Fleet::running();
        let (db, mark) = (fleet.database().await, unique());
        let organizer = Organizer::demo(&fleet).await;
        let event = organizer.event("Exactness").await;
        let terms = TicketTerms {
            price: 50_000,
            quantity: 1,
        };
        let ticket = event.sell(terms).await;
        let buyer = Buyer::register(&fleet).await;
        let order = buyer.order(ticket, 1).await;
        // A run that failed has left its crowd.
        let earlier = "delete from issued_tickets where holder_id in (select id from users where email like 'exact-%@acceptance.example')";
        db.run(earlier, &[]).await;
        let people = "
            insert into users (email, password_hash, name, age, phone_number, role, is_verified, created_at, updated_at)
            select 'exact-' || $1::text || '-' || n || '@acceptance.example', '!', 'Crowd', 30, '081200000000', 'user', true, now(), now()
            from generate_series(1, $2::bigint) n";
        db.run(people, &[&mark, &size]).await;
        let tickets = "
            insert into issued_tickets (code, order_item_id, unit, ticket_type_id, event_id, holder_id, holder_name, issued_at)
            select md5(u.email), (select i.id from order_items i join orders o on o.id = i.order_id where o.code = $2),
                   row_number() over (order by u.id), $3, $4, u.id, u.name, now()
            from users u where u.email like 'exact-' || $1::text || '-%'";
        db.run(tickets, &[&mark, &order, &ticket, &event.id]).await;
        Self {
            fleet,
            db,
            organizer,
            event,
            mark,
            size,
        }
    }

    /// Messages of the crowd that are in the outbox, or those of them that wait.
    async fn messages(&self, condition: &str) -> i64 {
        let sql = format!(
            "select count(*) from outbox o join announcements a
                 on a.id = (o.body::jsonb -> 'body' ->> 'announcement')::bigint
             where a.event_id = $1 and o.queue = 'mail' and {condition}"
        );
        self.db.number(&sql, &[&self.event.id]).await
    }

    /// Mails of the crowd that were handed over, as the mailer notes it.
    async fn sent(&self) -> i64 {
        let sql = "
            select count(*) from mail_log l join outbox o on o.id = l.message_id
            join announcements a on a.id = (o.body::jsonb -> 'body' ->> 'announcement')::bigint
            where a.event_id = $1 and l.sent_at is not null";
        self.db.number(sql, &[&self.event.id]).await
    }

    /// Runs a job to its end again and again until nothing is left, and kills it the first time. Returns how many died.
    async fn run(&self, job: &str, is_done: impl AsyncFn() -> bool) -> usize {
        let fleet = self.fleet.clone();
        let name = job.to_owned();
        let running = tokio::spawn(async move { fleet.try_invoke(&name, &json!({})).await });
        tokio::time::sleep(Duration::from_millis(150)).await;
        let killed = self.fleet.kill(job);
        let _ = running.await.unwrap();
        let what = format!("{job} has done its work");
        eventually(&what, PATIENCE, async || {
            let _ = self.fleet.try_invoke(job, &json!({})).await;
            is_done().await.then_some(())
        })
        .await;
        killed
    }

    /// Puts messages back that were delivered too often while workers were killed, as operators do.
    async fn put_back(&self) -> i64 {
        let (dead, queue) = (
            self.fleet.queue("MailDeadUrl").await,
            self.fleet.queue("MailUrl").await,
        );
        let mut count = 0;
        for message in dead.receive().await {
            let body: Value = serde_json::from_str(&message.body).unwrap_or_default();
            if body["body"]["kind"] == "event_changed" {
                queue.send(&[&message.body]).await;
                dead.delete(&message).await;
                count += 1;
            }
        }
        count
    }

    /// How many mails for each of the crowd the mail service took, by address.
    async fn taken(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for to in self.fleet.recipients().await {
            if to.starts_with(&format!("exact-{}-", self.mark)) {
                *counts.entry(to).or_insert(0) += 1;
            }
        }
        counts
    }

    async fn leave(&self) {
        let sql = "delete from issued_tickets where event_id = $1 and holder_name = 'Crowd'";
        assert_eq!(
            i64::try_from(self.db.run(sql, &[&self.event.id]).await).unwrap(),
            self.size
        );
    }
}

#[tokio::test]
async fn a_crowd_gets_each_message_once_whoever_is_killed_and_whatever_comes_twice() {
    let size = std::env::var("GIGGLEFEST_CROWD").map_or(1_000, |size| size.parse().unwrap());
    let crowd = Crowd::new(size).await;
    let started = Instant::now();
    let mut counts = Counts {
        crowd: size,
        ..Counts::default()
    };
    let change = json!({"location": "Istora Senayan, Jakarta"});
    let path = format!("/events/{}", crowd.event.id);
    crowd.organizer.api.patch(&path, &change).await.data(200);
    let told =
        "select count(*) from notifications n join announcements a on n.happening = 'event_changed ' || a.id
                where a.event_id = $1";
    counts.announcer_killed = crowd
        .run("announcer", async || {
            crowd.messages("true").await == size && crowd.db.number(told, &[&crowd.event.id]).await == size
        })
        .await;
    counts.relay_killed = crowd
        .run("outbox-relay", async || {
            crowd.messages("o.published_at is null").await == 0
        })
        .await;
    // Every fifth message leaves once more, while the first ones are being sent.
    let again = "
        update outbox o set published_at = null from announcements a
        where a.id = (o.body::jsonb -> 'body' ->> 'announcement')::bigint and a.event_id = $1 and o.queue = 'mail'
          and (o.body::jsonb -> 'body' ->> 'holder')::bigint % 5 = 0";
    counts.repeated = i64::try_from(crowd.db.run(again, &[&crowd.event.id]).await).unwrap();
    crowd.fleet.invoke("outbox-relay", &json!({})).await;
    for kill in 1..=i64::from(KILLS) {
        let reached = size * kill / i64::from(KILLS + 2);
        eventually("mails are sent", PATIENCE, async || {
            (crowd.sent().await >= reached).then_some(())
        })
        .await;
        counts.mailer_killed += crowd.fleet.kill("mailer");
    }
    eventually("all mails were handed over", PATIENCE, async || {
        counts.put_back += crowd.put_back().await;
        (crowd.sent().await == size).then_some(())
    })
    .await;
    let taken = crowd.taken().await;
    counts.notifications = crowd.db.number(told, &[&crowd.event.id]).await;
    counts.mails = taken.values().sum();
    counts.twice = taken.values().filter(|count| **count > 1).count();
    println!("{counts:?} after {} s", started.elapsed().as_secs());
    crowd.leave().await;
    assert_eq!(i64::try_from(taken.len()).unwrap(), size, "{counts:?}");
    assert_eq!(counts.notifications, counts.crowd, "{counts:?}");
    assert!(counts.repeated > counts.crowd / 6, "{counts:?}");
    assert!(counts.mailer_killed > 0, "{counts:?}");
    // SES knows no repetition: a mailer that dies after SES got the mail and before it has noted that sends that one mail again.
    // Nothing else may.
    assert!(counts.twice <= counts.mailer_killed, "{counts:?}");
}

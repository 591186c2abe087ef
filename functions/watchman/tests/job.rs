//! Whom the watchman tells what, against a real database, with queues and breakers in memory.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use domain::message::Queue;
use domain::status::Depth;
use domain::user::{Email, Role};
use futures_util::future::join_all;
use kv::{FleetBreaker, Store};
use queue::{Gauge, Publisher};
use runtime::Clock;
use testkit::{Rows, TestDb, start};
use watchman::{App, Order, Report};
use worker::Job as _;

const OPERATORS: &str = "operators@example.test";

struct Setup {
    db: TestDb,
    clock: Clock,
    store: Store,
    watchman: App,
}

fn depths(dead: u64) -> Gauge {
    Gauge::in_memory(vec![Depth {
        queue: Queue::Webhooks,
        waiting: 0,
        in_flight: 0,
        dead,
    }])
}

impl Setup {
    async fn new() -> Self {
        let (db, clock, store) = (TestDb::new().await, Clock::set_to(start()), Store::in_memory());
        Rows(&db).user("admin@example.test", Role::Admin).await;
        Rows(&db).user("organizer@example.test", Role::Organizer).await;
        let watchman = Self::watchman(&db, &clock, &store);
        Self {
            db,
            clock,
            store,
            watchman,
        }
    }

    fn watchman(db: &TestDb, clock: &Clock, store: &Store) -> App {
        App {
            db: db.db(),
            store: store.clone(),
            gauge: depths(0),
            queue: Publisher::in_memory(),
            operators: Email::parse(OPERATORS),
            clock: clock.clone(),
        }
    }

    /// A look after so many seconds, in which all jobs were done.
    async fn after(&self, seconds: i64) -> Report {
        self.clock.advance(seconds);
        let now = self.clock.now();
        self.db
            .run(&format!("update job_runs set done_at = '{now}'"))
            .await;
        // The relay publishes what is pushed to admins.
        self.db
            .run(&format!(
                "update outbox set published_at = '{now}' where queue = 'notices'"
            ))
            .await;
        self.watchman.run(Order {}).await.unwrap()
    }
}

fn opened(keys: &[&str]) -> Report {
    Report {
        opened: keys.iter().map(|key| (*key).to_owned()).collect(),
        ..Report::default()
    }
}

fn over(keys: &[&str]) -> Report {
    Report {
        over: keys.iter().map(|key| (*key).to_owned()).collect(),
        ..Report::default()
    }
}

#[tokio::test]
async fn all_that_is_found_at_once_is_one_mail_and_one_notification_for_each_admin() {
    let mut t = Setup::new().await;
    assert_eq!(t.after(0).await, Report::default());
    t.watchman.gauge = depths(2);
    t.db.run("insert into broken_rules values ('orders_add_up', 0, 9, 1, array['ORDER-1'], now(), now())")
        .await;
    assert_eq!(
        t.after(60).await,
        opened(&["dead_letters webhooks", "rule_broken orders_add_up"])
    );
    let sent = t.watchman.queue.take_sent();
    assert_eq!(sent.len(), 1, "published at once");
    let body = sent.first().map(|mail| mail.body.clone()).unwrap_or_default();
    assert!(
        body.contains(OPERATORS) && body.contains("webhooks") && body.contains("ORDER-1"),
        "{body}"
    );
    let published = "select count(*) from outbox where queue = 'mail' and published_at is not null";
    assert_eq!(t.db.count(published).await, 1);
    let told = "select string_agg(u.email, ', ') from notifications n join users u on u.id = n.user_id";
    assert_eq!(t.db.text(told).await, "admin@example.test");
    assert_eq!(t.after(60).await, Report::default());

    t.watchman.gauge = depths(0);
    t.db.run("delete from broken_rules").await;
    t.after(60).await;
    assert_eq!(
        t.after(240).await,
        over(&["dead_letters webhooks", "rule_broken orders_add_up"])
    );
    assert_eq!(t.watchman.queue.take_sent().len(), 1);
}

#[tokio::test]
async fn two_at_once_tell_once() {
    let t = Setup::new().await;
    t.after(0).await;
    let mut others: Vec<App> = (0..6)
        .map(|_| Setup::watchman(&t.db, &t.clock, &t.store))
        .collect();
    for watchman in &mut others {
        watchman.gauge = depths(1);
    }
    t.clock.advance(60);
    let reports = join_all(others.iter().map(|watchman| watchman.run(Order {}))).await;
    let opened: usize = reports
        .into_iter()
        .map(|report| report.unwrap().opened.len())
        .sum();
    let sent: usize = others
        .iter()
        .map(|watchman| watchman.queue.take_sent().len())
        .sum();
    assert_eq!((opened, sent), (1, 1));
    assert_eq!(t.db.count("select count(*) from notifications").await, 1);
}

#[tokio::test]
async fn a_service_that_is_left_alone_for_longer_than_a_minute_is_told_once_however_it_flaps() {
    let t = Setup::new().await;
    t.after(0).await;
    let breaker = FleetBreaker::new("midtrans", t.store.clone());
    for _ in 0..3 {
        breaker.failed(t.clock.now()).await;
    }
    // Ten seconds of rest, of which nobody hears.
    for _ in 0..6 {
        assert_eq!(t.after(60).await, Report::default());
    }
    assert_eq!(t.db.count("select count(*) from system_alerts").await, 0);
    // Whoever tries fails again and again, until it works for a minute, and fails again.
    let mut told = Vec::new();
    for minute in 0..12 {
        let now = t.clock.now();
        if minute == 5 {
            breaker.lets_through(now).await.unwrap();
            breaker.succeeded().await;
        } else if breaker.lets_through(now).await.is_ok() {
            for _ in 0..3 {
                breaker.failed(now).await;
            }
        }
        told.extend(t.after(60).await.opened);
    }
    assert_eq!(told, ["left_alone midtrans"]);
    t.clock.advance(11);
    breaker.lets_through(t.clock.now()).await.unwrap();
    breaker.succeeded().await;
    t.after(60).await;
    assert_eq!(t.after(300).await, over(&["left_alone midtrans"]));
}

#[tokio::test]
async fn jobs_that_are_not_done_or_leave_work_undone_are_told_once_it_lasts() {
    let t = Setup::new().await;
    t.after(0).await;
    let now = t.clock.now();
    t.db.run(&format!(
        "insert into outbox (id, queue, body, created_at) values (repeat('a', 32), 'media', '{{}}', '{now}')"
    ))
    .await;
    t.after(240).await;
    t.after(60).await;
    t.after(60).await;
    assert_eq!(t.after(60).await, opened(&["job_late outbox-relay"]));
    t.db.run("delete from outbox").await;
    t.clock.advance(241);
    for (seconds, told) in [
        (0, Report::default()),
        (60, over(&["job_late outbox-relay"])),
        (
            60,
            opened(&["job_late janitor", "job_late reconciler", "job_late announcer"]),
        ),
    ] {
        // Only some of them are done.
        t.clock.advance(seconds);
        let now = t.clock.now();
        t.db.run(&format!(
            "update job_runs set done_at = '{now}' where job in ('outbox-relay', 'janitor-check')"
        ))
        .await;
        assert_eq!(t.watchman.run(Order {}).await.unwrap(), told);
    }
}

#[tokio::test]
async fn what_does_not_answer_is_told_and_the_rest_is_looked_at() {
    let mut t = Setup::new().await;
    t.watchman.gauge = Gauge::unreachable();
    t.watchman.store = Store::unreachable();
    t.watchman.operators = None;
    assert_eq!(t.after(0).await, Report::default());
    assert_eq!(
        t.after(60).await,
        opened(&["silent queues", "silent state_table"])
    );
    assert_eq!(t.watchman.queue.take_sent().len(), 0, "there is no address");
    assert_eq!(t.db.count("select count(*) from notifications").await, 1);
}

//! What operators are told of the fleet: once, however many look at once, and until it is over.

use crate::support::{at, connections, race};
use db::alerts::{self, Told};
use db::broken_rules;
use db::invariants::{Breach, Rule, Slice};
use db::job_runs;
use domain::alert::{Alert, Condition, Found, Heap, Job, Turn};
use domain::message::Queue;
use domain::status::Depth;
use domain::user::{Email, Role};
use domain::{AlertId, Timestamp, UserId};
use testkit::{Rows, TestDb};
use tokio_postgres::Client;

const HOUR: i64 = 3_600;

fn found(dead: u64) -> Found {
    let depth = |queue| Depth {
        queue,
        waiting: 0,
        in_flight: 0,
        dead: if queue == Queue::Mail { dead } else { 0 },
    };
    Found {
        queues: Some(Queue::ALL.map(depth).to_vec()),
        left_alone: Some(Vec::new()),
        ..Found::default()
    }
}

async fn look(client: &mut Client, found: &Found, now: Timestamp) -> Told {
    let operators = Email::parse("operators@example.test").unwrap();
    let tx = client.transaction().await.unwrap();
    let random = runtime::random::hex::<16>;
    let told = alerts::take_in(&tx, found, Some(&operators), random, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    told
}

fn turns(told: &Told) -> Vec<Turn> {
    told.news.iter().map(|news| news.turn).collect()
}

async fn admins(db: &TestDb) -> [UserId; 2] {
    let rows = Rows(db);
    [
        rows.user("one@example.test", Role::Admin).await,
        rows.user("two@example.test", Role::Admin).await,
    ]
}

async fn told_in_app(db: &TestDb) -> i64 {
    db.count("select count(*) from notifications where notice ->> 'kind' = 'system_alert'")
        .await
}

async fn mails(db: &TestDb) -> i64 {
    db.count("select count(*) from outbox where queue = 'mail'").await
}

async fn open(client: &Client) -> Vec<Alert> {
    let kept = alerts::list(client, Some(true), None, 100).await.unwrap();
    kept.into_iter().map(|kept| kept.alert).collect()
}

#[tokio::test]
async fn eight_who_look_at_once_tell_once() {
    let db = TestDb::new().await;
    let [one, _] = admins(&db).await;
    Rows(&db).user("organizer@example.test", Role::Organizer).await;
    let mut clients = connections(&db, 8).await;
    for (round, hour) in [0, 1, 7, 31].into_iter().enumerate() {
        let now = at(hour * HOUR);
        let told = race(&mut clients, async |_, client| look(client, &found(3), now).await).await;
        let all: Vec<Turn> = told.iter().flat_map(turns).collect();
        assert_eq!(
            all,
            [if hour == 0 { Turn::Opened } else { Turn::Lasts }],
            "round {round}"
        );
        let rounds = i64::try_from(round).unwrap() + 1;
        assert_eq!((mails(&db).await, told_in_app(&db).await), (rounds, 2 * rounds));
    }
    assert_eq!(db.count("select count(*) from system_alerts").await, 1);
    let client = db.client().await;
    let usual = domain::language::Language::En;
    let (told, _) = db::notifications::list(&client, one, domain::page::Page::default(), usual)
        .await
        .unwrap();
    assert_eq!(
        told.last().unwrap().message,
        "System alert: 3 messages of the queue mail were given up."
    );
}

#[tokio::test]
async fn what_is_over_is_closed_and_what_comes_again_is_another() {
    let db = TestDb::new().await;
    let mut client = db.client().await;
    assert_eq!(turns(&look(&mut client, &found(1), at(0)).await), [Turn::Opened]);
    let [first] = open(&client).await.try_into().unwrap();
    assert_eq!((first.opened_at, first.told), (Some(at(0)), 1));
    // While the queues do not answer nobody knows whether it is over; that they do not is told once it lasts.
    let blind = Found {
        queues: None,
        ..found(0)
    };
    for minute in 1..10 {
        let told = look(&mut client, &blind, at(minute * 60)).await;
        let expected: &[Turn] = if minute == 2 { &[Turn::Opened] } else { &[] };
        assert_eq!(turns(&told), expected, "minute {minute}");
    }
    let told = look(&mut client, &found(0), at(600)).await;
    assert_eq!(
        turns(&told),
        [Turn::Over],
        "the dead letters; the queues have to answer for a while"
    );
    assert_eq!(turns(&look(&mut client, &found(0), at(900)).await), [Turn::Over]);
    assert_eq!(open(&client).await.len(), 0);
    assert_eq!(
        turns(&look(&mut client, &found(2), at(960)).await),
        [Turn::Opened]
    );
    let closed = alerts::list(&client, Some(false), None, 100).await.unwrap();
    let all = alerts::list(&client, None, None, 2).await.unwrap();
    assert_eq!((closed.len(), all.len()), (2, 2));
    let older = alerts::list(&client, None, Some(all[1].id), 2).await.unwrap();
    assert_eq!(older.len(), 1);
    assert_eq!(older[0].alert.closed_at, Some(at(600)));
}

#[tokio::test]
async fn a_look_that_comes_after_a_later_one_changes_nothing() {
    let db = TestDb::new().await;
    let mut client = db.client().await;
    look(&mut client, &found(0), at(60)).await;
    assert_eq!(turns(&look(&mut client, &found(1), at(59)).await), []);
    assert_eq!(db.count("select count(*) from system_alerts").await, 0);
}

#[tokio::test]
async fn what_passes_by_itself_leaves_nothing() {
    let db = TestDb::new().await;
    let mut client = db.client().await;
    let short = Found {
        left_alone: Some(vec![("midtrans", at(10))]),
        ..found(0)
    };
    look(&mut client, &short, at(0)).await;
    assert_eq!(db.count("select count(*) from system_alerts").await, 1);
    assert_eq!(open(&client).await.len(), 0, "nobody hears of it yet");
    look(&mut client, &found(0), at(400)).await;
    assert_eq!(db.count("select count(*) from system_alerts").await, 0);
    assert_eq!(mails(&db).await, 0);
}

async fn acknowledge(client: &mut Client, id: AlertId, by: UserId, now: Timestamp) -> bool {
    let tx = client.transaction().await.unwrap();
    alerts::lock(&tx, id).await.unwrap().unwrap();
    let done = alerts::acknowledge(&tx, id, by, now).await.unwrap().is_some();
    tx.commit().await.unwrap();
    done
}

#[tokio::test]
async fn whoever_acknowledges_while_somebody_looks_is_not_forgotten() {
    let db = TestDb::new().await;
    let [admin, _] = admins(&db).await;
    let mut clients = connections(&db, 8).await;
    for round in 0..20 {
        let begun = round * 100 * HOUR;
        look(&mut clients[0], &found(1), at(begun)).await;
        let id = alerts::list(&clients[0], Some(true), None, 1).await.unwrap()[0].id;
        let lost = race(&mut clients, async |number, client| {
            if number == 0 {
                return acknowledge(client, id, admin, at(begun + 1)).await;
            }
            let second = i64::try_from(number).unwrap();
            look(client, &found(1), at(begun + second)).await;
            true
        })
        .await;
        assert!(lost[0]);
        let [alert] = open(&clients[0]).await.try_into().unwrap();
        assert_eq!(alert.acknowledged_mark, Some(1), "round {round}");
        // Nothing is told of it for days, and that it is over.
        let told = look(&mut clients[0], &found(1), at(begun + 50 * HOUR)).await;
        assert_eq!(turns(&told), []);
        let told = look(&mut clients[0], &found(0), at(begun + 51 * HOUR)).await;
        assert_eq!(turns(&told), [Turn::Over]);
        assert!(
            !acknowledge(&mut clients[0], id, admin, at(begun + 52 * HOUR)).await,
            "it is over"
        );
    }
}

#[tokio::test]
async fn who_knows_hears_of_more_and_has_to_say_so_again() {
    let db = TestDb::new().await;
    let [admin, _] = admins(&db).await;
    let mut client = db.client().await;
    look(&mut client, &found(1), at(0)).await;
    let id = alerts::list(&client, None, None, 1).await.unwrap()[0].id;
    assert!(acknowledge(&mut client, id, admin, at(1)).await);
    assert_eq!(turns(&look(&mut client, &found(2), at(60)).await), [Turn::Lasts]);
    let kept = alerts::list(&client, None, None, 1).await.unwrap().remove(0);
    assert_eq!((kept.acknowledged_at, kept.acknowledged_by), (None, None));
    assert_eq!(kept.alert.tell_at(), Some(at(60 + 6 * HOUR)));
}

#[tokio::test]
async fn a_job_that_nobody_knows_yet_is_expected_from_now_on() {
    let db = TestDb::new().await;
    let client = db.client().await;
    job_runs::done(&client, Job::Janitor, at(50)).await.unwrap();
    // A run that began earlier may end later.
    job_runs::done(&client, Job::Janitor, at(10)).await.unwrap();
    for now in [at(100), at(900)] {
        let runs = job_runs::list(&client, now).await.unwrap();
        assert_eq!(runs.len(), Job::ALL.len());
        for (job, done) in runs {
            assert_eq!(
                done,
                if job == Job::Janitor { at(50) } else { at(100) },
                "{job:?}"
            );
        }
    }
}

fn breach(rule: Rule, count: usize) -> Breach {
    Breach {
        rule: rule.name(),
        count,
        rows: (0..count).map(|row| format!("row {row}")).collect(),
    }
}

#[tokio::test]
async fn a_broken_rule_is_remembered_part_by_part_until_it_is_mended() {
    let (db, rule) = (TestDb::new().await, Rule::OrdersAddUp);
    let client = db.client().await;
    let part = |after, until| Slice { after, until };
    let note = async |part, count: usize| {
        let found = (count > 0).then(|| breach(rule, count));
        broken_rules::note(&client, rule, part, found.as_ref(), at(0))
            .await
            .unwrap();
    };
    note(part(0, 100), 7).await;
    note(part(50, 150), 2).await;
    note(part(300, 400), 0).await;
    let [known] = broken_rules::list(&client).await.unwrap().try_into().unwrap();
    assert_eq!(
        (known.rule.as_str(), known.count, known.rows.len()),
        ("orders_add_up", 7, 5)
    );
    assert_eq!(
        broken_rules::parts(&client, rule, 9).await.unwrap(),
        [part(0, 100), part(50, 150)]
    );
    broken_rules::split(&client, rule, part(0, 100), 50)
        .await
        .unwrap();
    let halves = [part(0, 50), part(50, 100), part(50, 150)];
    assert_eq!(broken_rules::parts(&client, rule, 9).await.unwrap(), halves);
    assert_eq!(broken_rules::parts(&client, Rule::HoldsEnd, 9).await.unwrap(), []);
    note(part(0, 50), 0).await;
    note(part(40, 160), 0).await;
    assert_eq!(broken_rules::list(&client).await.unwrap(), []);
}

#[tokio::test]
async fn money_that_waits_for_people_is_counted() {
    let db = TestDb::new().await;
    let client = db.client().await;
    let now = domain::Timestamp::parse("2030-02-01").unwrap();
    let nothing = Heap::default();
    assert_eq!(
        alerts::money(&client, now).await.unwrap(),
        (nothing, nothing, nothing)
    );
    let ticket = Rows(&db).on_sale(50_000, 10).await;
    let buyer = Rows(&db).buyer("ayu@example.test").await;
    Rows(&db).bought(buyer, ticket, 1).await;
    db.run(&format!(
        "insert into payments (id, order_id, user_id, amount, original_amount, status, payment_date, created_at, updated_at)
         overriding system value select 72, id, {buyer}, total, subtotal, 'conflicted', now(), now(), now() from orders;
         insert into refunds (id, payment_id, key, amount, reason, cause, status, next_try_at, created_at, updated_at)
         overriding system value values
             (81, 72, 'a', 1, 'ill', 'request', 'manual', null, '2030-01-28', now()),
             (82, 72, 'b', 1, 'ill', 'request', 'manual', null, '2030-01-30', now()),
             (83, 72, 'c', 1, 'ill', 'request', 'requested', '2030-02-01', '2030-01-30', now()),
             (84, 72, 'd', 1, 'ill', 'request', 'requested', '2030-02-01', '2030-01-31 12:00Z', now())"
    ))
    .await;
    let (conflicted, stuck, manual) = alerts::money(&client, now).await.unwrap();
    assert_eq!((conflicted.count, conflicted.newest), (1, 72));
    let oldest = |text| domain::Timestamp::parse(text);
    assert_eq!(
        (stuck.count, stuck.newest, stuck.oldest),
        (1, 83, oldest("2030-01-30"))
    );
    assert_eq!(
        (manual.count, manual.newest, manual.oldest),
        (1, 81, oldest("2030-01-28"))
    );
    let conditions = Found {
        conflicted,
        stuck,
        manual,
        ..found(0)
    };
    let money = conditions.conditions(now);
    assert!(matches!(
        money[0].condition,
        Condition::PaymentsConflicted { count: 1 }
    ));
    assert_eq!(money.len(), 3);
}

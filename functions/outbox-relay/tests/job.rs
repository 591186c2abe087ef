use domain::message::Queue;
use domain::user::Role;
use outbox_relay::{App, Order, Report};
use queue::Publisher;
use runtime::Clock;
use testkit::{Rows, TestDb, start};
use worker::Job as _;

#[tokio::test]
async fn what_was_missed_is_published_once_and_forgotten_after_a_day() {
    let db = TestDb::new().await;
    db.run(
        "insert into outbox (id, queue, body, created_at, published_at) values
           (repeat('a', 32), 'mail', '{}', '2030-01-01 11:59:00Z', null),
           (repeat('b', 32), 'mail', '{}', '2030-01-01 11:59:55Z', null),
           (repeat('c', 32), 'mail', '{}', '2029-12-30 00:00:00Z', '2029-12-30 00:00:01Z')",
    )
    .await;
    let app = App {
        db: db.db(),
        queue: Publisher::in_memory(),
        promotions_per_second: domain::mailing::PER_SECOND,
        clock: Clock::set_to(start()),
    };
    assert_eq!(
        app.run(Order {}).await.unwrap(),
        Report {
            published: 1,
            forgotten: 1,
            ..Report::default()
        }
    );
    let sent = app.queue.take_sent();
    assert_eq!(
        sent.iter().map(|message| message.id.as_str()).collect::<Vec<_>>(),
        ["a".repeat(32)]
    );
    assert_eq!(
        app.run(Order {}).await.unwrap(),
        Report::default(),
        "the young one is its writer's to publish"
    );
    app.clock.advance(10);
    assert_eq!(app.run(Order {}).await.unwrap().published, 1);
    assert_eq!(
        db.count("select count(*) from outbox where published_at is null")
            .await,
        0
    );
}

#[tokio::test]
async fn webhooks_that_are_due_are_announced_until_somebody_tries_them() {
    let db = TestDb::new().await;
    let owner = Rows(&db).user("owner@example.test", Role::Organizer).await;
    db.run(&format!(
        "insert into webhook_endpoints (id, owner_id, url, description, events, secret, failures, failing_since, rest_until,
                                        created_at, updated_at)
         overriding system value values
           (1, {owner}, 'https://a.example.com', '', array['order.paid'], sha256(''), 0, null, null, now(), now()),
           (2, {owner}, 'https://b.example.com', '', array['order.paid'], sha256(''), 3, now(), '2030-01-01 12:01:00Z', now(), now());
         insert into webhook_deliveries (endpoint_id, message_id, event, payload, state, due_at, announced_until, created_at,
                                         finished_at)
         values
           (1, 'due', 'order.paid', '{{}}', 'pending', '2030-01-01 12:00:00Z', null, now(), null),
           (1, 'later', 'order.paid', '{{}}', 'pending', '2030-01-01 12:00:01Z', null, now(), null),
           (1, 'announced', 'order.paid', '{{}}', 'pending', '2030-01-01 11:59:00Z', '2030-01-01 12:04:00Z', now(), null),
           (2, 'resting', 'order.paid', '{{}}', 'pending', '2030-01-01 11:00:00Z', null, now(), null),
           (1, 'taken', 'order.paid', '{{}}', 'delivered', null, null, now(), '2029-12-03 00:00:00Z'),
           (1, 'old', 'order.paid', '{{}}', 'failed', null, null, now(), '2029-12-01 00:00:00Z');
         insert into webhook_deliveries (endpoint_id, message_id, event, payload, state, due_at, created_at)
         select 2, 'many ' || n, 'order.paid', '{{}}', 'pending', '2030-01-01 12:30:00Z', now() from generate_series(1, 250) n"
    ))
    .await;
    let app = App {
        db: db.db(),
        queue: Publisher::in_memory(),
        promotions_per_second: domain::mailing::PER_SECOND,
        clock: Clock::set_to(start()),
    };
    let announced = async || {
        let report = app.run(Order {}).await.unwrap();
        let queues: Vec<Queue> = app.queue.take_sent().iter().map(|sent| sent.queue).collect();
        assert_eq!(queues, vec![Queue::Webhooks; report.webhooks_announced]);
        (report.webhooks_announced, report.webhooks_forgotten)
    };
    assert_eq!(
        announced().await,
        (1, 1),
        "what is due, and what is older than a month"
    );
    assert_eq!(announced().await, (0, 0), "it is announced already");
    app.clock.advance(60);
    assert_eq!(
        announced().await,
        (2, 0),
        "the later one, and that of the endpoint that has rested"
    );
    app.clock.advance(240);
    assert_eq!(
        announced().await,
        (2, 0),
        "nobody has tried the first and the one before"
    );
    app.clock.advance(3_600);
    assert_eq!(
        announced().await,
        (103, 0),
        "of one that fails a hundred at a time"
    );
    db.run("update webhook_endpoints set failures = 0, failing_since = null")
        .await;
    app.clock.advance(60);
    assert_eq!(announced().await, (151, 0), "of one that works again all");
}

#[tokio::test]
async fn promotional_mails_are_announced_at_their_pace_a_part_of_each_mailing() {
    let db = TestDb::new().await;
    db.run(
        "insert into users (id, email, password_hash, name, age, phone_number, created_at, updated_at) overriding system value
             select n, n || '@example.test', '!', 'Crowd', 30, '0812', now(), now() from generate_series(1, 1500) n;
         insert into mailings (id, audience, english_subject, english_text, status, send_at, started_at, created_at, updated_at)
             overriding system value
             select n, 'everybody', 'Hello', 'Do come.', status, '2030-01-01 11:00:00Z', now(), now(), now()
             from unnest(array['sending', 'sending', 'paused']) with ordinality as t (status, n);
         insert into mailing_recipients (mailing_id, user_id, state)
             select m.id, u.id, 'waiting' from mailings m, users u",
    )
    .await;
    let app = App {
        db: db.db(),
        queue: Publisher::in_memory(),
        promotions_per_second: 20.try_into().unwrap(),
        clock: Clock::set_to(start()),
    };
    let announced = async || {
        let report = app.run(Order {}).await.unwrap();
        let sent = app.queue.take_sent();
        assert_eq!(sent.len(), report.promotions_announced);
        assert!(sent.iter().all(|message| message.queue == Queue::Promotions));
        let of = |mailing: &str| {
            sent.iter()
                .filter(|message| message.body.contains(mailing))
                .count()
        };
        (of("\"mailing\":1,"), of("\"mailing\":2,"), of("\"mailing\":3,"))
    };
    assert_eq!(announced().await, (700, 500, 0), "a minute of them, in turn");
    app.clock.advance(60);
    assert_eq!(announced().await, (0, 0, 0), "none of them was sent");
    db.run("update mailing_recipients set state = 'sent', decided_at = now() where announced_until is not null and user_id > 100")
        .await;
    assert_eq!(announced().await, (500, 500, 0), "so many as went");
    // What nobody decided about is announced again, however long it takes.
    app.clock.advance(domain::mailing::ANNOUNCED_SECONDS);
    assert_eq!(announced().await, (700, 500, 0));
}

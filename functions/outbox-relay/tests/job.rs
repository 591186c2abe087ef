use outbox_relay::{App, Order, Report};
use queue::Publisher;
use runtime::Clock;
use testkit::{TestDb, start};
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
        clock: Clock::set_to(start()),
    };
    assert_eq!(
        app.run(Order {}).await.unwrap(),
        Report {
            published: 1,
            forgotten: 1
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

use migrate::{App, Order, Report};
use runtime::Clock;
use testkit::{TestDb, start};
use worker::Job as _;

fn app(db: &TestDb, stage: &str) -> App {
    App {
        db: db.db(),
        clock: Clock::set_to(start()),
        stage: stage.to_owned(),
    }
}

#[tokio::test]
async fn demo_data_is_made_once() {
    let db = TestDb::new().await;
    for _ in 0..2 {
        let Report::Seeded { accounts } = app(&db, "local").run(Order::Seed).await.unwrap() else {
            panic!("not seeded")
        };
        assert_eq!(accounts.len(), 4);
    }
    assert_eq!(db.count("select count(*) from users where is_verified").await, 4);
    assert_eq!(db.count("select count(*) from events").await, 4);
    assert_eq!(db.count("select sum(capacity) from ticket_stock").await, 3_620);
}

#[tokio::test]
async fn demo_data_stays_on_local_fleets() {
    let db = TestDb::new().await;
    assert_eq!(
        app(&db, "production").run(Order::Seed).await.unwrap_err().code,
        "not_local"
    );
    assert_eq!(db.count("select count(*) from users").await, 0);
}

#[tokio::test]
async fn migrations_run_once() {
    let db = TestDb::new().await;
    let Report::Migrated { applied } = app(&db, "local").run(Order::Migrate).await.unwrap() else {
        panic!("not migrated")
    };
    assert_eq!(applied, 0, "the template is up to date");
}

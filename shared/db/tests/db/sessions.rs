//! Sessions against changes of the password that happen at the same moment.

use crate::support::at;
use db::sessions::{self, Device};
use db::users;
use domain::UserId;
use std::time::Duration;
use testkit::{Rows, TestDb};

const DEVICE: Device<'_> = Device {
    ip: "127.0.0.1",
    user_agent: "test",
};

async fn begin(db: &TestDb, user: UserId, hash: &str, token: u8) -> Option<domain::SessionId> {
    sessions::begin(&db.client().await, user, hash, DEVICE, &[token; 32], at(0))
        .await
        .unwrap()
}

const GOING_ON: &str = "select count(*) from sessions where ended_at is null and id > 0";

#[tokio::test]
async fn a_log_in_waits_for_a_change_of_the_password_and_fails_with_the_old_one() {
    let db = TestDb::new().await;
    let user = Rows(&db).buyer("ayu@example.test").await;
    let mut client = db.client().await;
    let tx = client.transaction().await.unwrap();
    assert!(
        users::change_password(&tx, user, "not a hash", "a new hash", at(0))
            .await
            .unwrap()
    );
    let (begun, ()) = tokio::join!(begin(&db, user, "not a hash", 1), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        tx.commit().await.unwrap();
    });
    assert_eq!(begun, None);
    assert!(begin(&db, user, "a new hash", 2).await.is_some());
    assert_eq!(db.count(GOING_ON).await, 1);
}

#[tokio::test]
async fn no_session_outlives_the_password_that_it_was_begun_with() {
    let db = TestDb::new().await;
    let user = Rows(&db).buyer("ayu@example.test").await;
    let mut client = db.client().await;
    let mut old = "not a hash".to_owned();
    for round in 1..=40u8 {
        let new = format!("hash {round}");
        let change = async {
            let tx = client.transaction().await.unwrap();
            assert!(
                users::change_password(&tx, user, &old, &new, at(0))
                    .await
                    .unwrap()
            );
            tx.commit().await.unwrap();
        };
        tokio::join!(
            change,
            begin(&db, user, &old, round),
            begin(&db, user, &old, 100 + round)
        );
        assert_eq!(db.count(GOING_ON).await, 0, "round {round}");
        old = new;
    }
}

#[tokio::test]
async fn nobody_begins_a_session_of_a_deleted_account() {
    let db = TestDb::new().await;
    let user = Rows(&db).buyer("ayu@example.test").await;
    db.run("update users set deleted_at = now()").await;
    assert_eq!(begin(&db, user, "not a hash", 1).await, None);
    let session = domain::SessionId::new(-user.get());
    assert!(!sessions::counts(&db.client().await, session, user).await.unwrap());
}

#[tokio::test]
async fn sessions_that_are_over_are_forgotten_with_their_tokens() {
    let db = TestDb::new().await;
    let user = Rows(&db).buyer("ayu@example.test").await;
    begin(&db, user, "not a hash", 1).await.unwrap();
    let client = db.client().await;
    let over = at(domain::session::IDLE_SECONDS);
    assert_eq!(sessions::forget(&client, over, 10).await.unwrap(), 0);
    assert_eq!(
        sessions::forget(&client, over.plus_seconds(1), 10).await.unwrap(),
        1
    );
    assert_eq!(db.count("select count(*) from refresh_tokens").await, 0);
}

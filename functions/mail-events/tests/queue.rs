//! From what SES tells to the list of addresses, against a real database. The messages are the files in
//! `events/sqs/mail-events/`; they are about `ayu@example.test`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aws_lambda_events::event::sqs::SqsEvent;
use domain::suppression::Suppression;
use domain::{Timestamp, UserId};
use mail_events::App;
use testkit::{Rows, TestDb, event_file};

const NOTHING: Suppression = Suppression {
    bounced: false,
    complained: false,
};
const BOUNCED: Suppression = Suppression {
    bounced: true,
    complained: false,
};
const COMPLAINED: Suppression = Suppression {
    bounced: false,
    complained: true,
};

/// Delivers a message. Whether it was consumed.
async fn deliver(db: &TestDb, name: &str) -> bool {
    let file = std::fs::read_to_string(event_file(&format!("sqs/mail-events/{name}.json"))).unwrap();
    deliver_text(db, &file).await
}

async fn deliver_text(db: &TestDb, file: &str) -> bool {
    let event: SqsEvent = serde_json::from_str(file).unwrap();
    let app = App { db: db.db() };
    worker::handle_batch(&app, event)
        .await
        .batch_item_failures
        .is_empty()
}

async fn known(db: &TestDb, address: &str) -> Suppression {
    db::suppressions::find(&db.client().await, address).await.unwrap()
}

async fn prove(db: &TestDb, user: UserId, at: &str) {
    let mut client = db.client().await;
    let tx = client.transaction().await.unwrap();
    db::suppressions::proved(&tx, user, Timestamp::parse(at).unwrap())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn what_is_for_good_is_kept_and_what_passes_is_not() {
    for (event, kept) in [
        ("bounce_permanent", BOUNCED),
        ("bounce_transient", NOTHING),
        ("complaint", COMPLAINED),
        ("complaint_taken_back", NOTHING),
        ("delivery", NOTHING),
        ("validated", NOTHING),
    ] {
        let db = TestDb::new().await;
        for _ in 0..2 {
            assert!(deliver(&db, event).await, "{event}");
        }
        assert_eq!(known(&db, "Ayu@Example.test").await, kept, "{event}");
        assert_eq!(known(&db, "budi@example.test").await, NOTHING, "{event}");
    }
}

#[tokio::test]
async fn an_address_that_was_proved_later_stays_good() {
    let db = TestDb::new().await;
    let ayu = Rows(&db).buyer("ayu@example.test").await;
    assert!(deliver(&db, "bounce_permanent").await);
    prove(&db, ayu, "2030-01-01T12:10:00Z").await;
    assert_eq!(known(&db, "ayu@example.test").await, NOTHING);
    // The same news once more; it is older than the proof.
    assert!(deliver(&db, "bounce_permanent").await);
    assert_eq!(known(&db, "ayu@example.test").await, NOTHING);
    // A proof that is older than the news does not count against it.
    db.run("update mail_suppressions set proved_at = '2030-01-01T11:00:00Z'")
        .await;
    assert!(deliver(&db, "bounce_permanent").await);
    assert_eq!(known(&db, "ayu@example.test").await, BOUNCED);
}

#[tokio::test]
async fn a_proof_before_any_trouble_counts_against_older_news_that_comes_late() {
    let db = TestDb::new().await;
    let ayu = Rows(&db).buyer("ayu@example.test").await;
    prove(&db, ayu, "2030-01-01T12:10:00Z").await;
    assert_eq!(known(&db, "ayu@example.test").await, NOTHING);
    assert!(deliver(&db, "bounce_permanent").await);
    assert_eq!(known(&db, "ayu@example.test").await, NOTHING);
}

#[tokio::test]
async fn a_proof_does_not_take_a_complaint_back() {
    let db = TestDb::new().await;
    let ayu = Rows(&db).buyer("ayu@example.test").await;
    assert!(deliver(&db, "bounce_permanent").await);
    assert!(deliver(&db, "complaint").await);
    prove(&db, ayu, "2030-01-02T00:00:00Z").await;
    assert_eq!(known(&db, "ayu@example.test").await, COMPLAINED);
}

#[tokio::test]
async fn what_cannot_be_read_goes_to_people() {
    let db = TestDb::new().await;
    let file = std::fs::read_to_string(event_file("sqs/mail-events/bounce_permanent.json")).unwrap();
    let broken = file.replace("eventType", "what");
    assert!(!deliver_text(&db, &broken).await);
    assert_eq!(known(&db, "ayu@example.test").await, NOTHING);
}

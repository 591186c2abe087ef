//! Messages on their way out, and mails that were sent.

use crate::support::{at, connections, race};
use db::mail_log::{self, Claim};
use db::outbox;
use domain::message::{Outgoing, Queue};
use testkit::TestDb;
use tokio_postgres::Client;

fn message(number: u32) -> Outgoing {
    Outgoing {
        id: format!("{number:032x}"),
        queue: Queue::Mail,
        body: format!(r#"{{"number":{number}}}"#),
    }
}

async fn write(client: &mut Client, number: u32, seconds: i64) {
    let tx = client.transaction().await.unwrap();
    outbox::insert(&tx, &message(number), at(seconds)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn waiting(client: &Client, seconds: i64) -> Vec<Outgoing> {
    outbox::waiting(client, at(seconds), 100).await.unwrap()
}

#[tokio::test]
async fn a_message_waits_until_it_is_published() {
    let db = TestDb::new().await;
    let mut client = db.client().await;
    for (number, seconds) in [(3, 10), (1, 30), (2, 20)] {
        write(&mut client, number, seconds).await;
    }
    assert_eq!(waiting(&client, 9).await, []);
    assert_eq!(waiting(&client, 20).await, [message(3), message(2)]);
    assert_eq!(outbox::waiting(&client, at(100), 1).await.unwrap(), [message(3)]);

    let (second, unknown) = (message(2).id, message(77).id);
    outbox::mark_published(&client, &[&second, &unknown], at(40))
        .await
        .unwrap();
    assert_eq!(waiting(&client, 100).await, [message(3), message(1)]);
    // The first time of publishing stays, however often the sweep comes by.
    outbox::mark_published(&client, &[&second], at(50)).await.unwrap();
    assert_eq!(
        db.text("select (published_at - created_at)::text from outbox where published_at is not null")
            .await,
        "00:00:20"
    );
}

#[tokio::test]
async fn a_message_shares_the_fate_of_its_cause() {
    let db = TestDb::new().await;
    let mut client = db.client().await;
    let tx = client.transaction().await.unwrap();
    outbox::insert(&tx, &message(1), at(0)).await.unwrap();
    assert_eq!(waiting(&db.client().await, 100).await, []);
    tx.rollback().await.unwrap();
    assert_eq!(waiting(&client, 100).await, []);
}

/// A transaction that began first may commit last; the sweep must not have passed it by.
#[tokio::test]
async fn a_late_commit_is_found_behind_what_was_published_already() {
    let db = TestDb::new().await;
    let (mut slow, mut quick) = (db.client().await, db.client().await);
    let tx = slow.transaction().await.unwrap();
    outbox::insert(&tx, &message(1), at(0)).await.unwrap();
    write(&mut quick, 2, 1).await;
    assert_eq!(waiting(&quick, 100).await, [message(2)]);
    outbox::mark_published(&quick, &[&message(2).id], at(2))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(waiting(&quick, 100).await, [message(1)]);
}

#[tokio::test]
async fn published_messages_are_forgotten_and_waiting_ones_never() {
    let db = TestDb::new().await;
    let mut client = db.client().await;
    for number in 0..5 {
        write(&mut client, number, 0).await;
    }
    for (number, seconds) in [(0, 10), (1, 10), (2, 10), (3, 99)] {
        outbox::mark_published(&client, &[&message(number).id], at(seconds))
            .await
            .unwrap();
    }
    assert_eq!(outbox::forget(&client, at(99), 2).await.unwrap(), 2);
    assert_eq!(outbox::forget(&client, at(99), 2).await.unwrap(), 1);
    assert_eq!(outbox::forget(&client, at(99), 2).await.unwrap(), 0);
    assert_eq!(db.count("select count(*) from outbox").await, 2);
    assert_eq!(waiting(&client, 1_000).await, [message(4)]);
}

#[tokio::test]
async fn of_many_workers_one_sends_the_mail() {
    let db = TestDb::new().await;
    let client = db.client().await;
    let mut clients = connections(&db, 32).await;
    for round in 0..10 {
        let id = format!("mail {round}");
        let claims = race(&mut clients, async |_, client| {
            mail_log::claim(client, &id, "tickets", at(60), at(0))
                .await
                .unwrap()
        });
        let claims = claims.await;
        assert_eq!(claims.iter().filter(|claim| **claim == Claim::Send).count(), 1);
        assert_eq!(claims.iter().filter(|claim| **claim == Claim::Busy).count(), 31);
        mail_log::mark_sent(&client, &id, "ses-1", at(1)).await.unwrap();
        let claims = race(&mut clients, async |_, client| {
            mail_log::claim(client, &id, "tickets", at(999), at(900))
                .await
                .unwrap()
        });
        assert!(claims.await.iter().all(|claim| *claim == Claim::Done));
    }
    assert_eq!(
        db.count("select count(*) from mail_log where attempts = 1 and provider_id = 'ses-1'")
            .await,
        10
    );
}

#[tokio::test]
async fn the_mail_of_a_worker_that_died_is_taken_over_when_its_lease_ends() {
    let db = TestDb::new().await;
    let client = db.client().await;
    let claim = async |seconds: i64| {
        mail_log::claim(&client, "mail", "tickets", at(seconds + 60), at(seconds))
            .await
            .unwrap()
    };
    assert_eq!(claim(0).await, Claim::Send);
    assert_eq!(claim(59).await, Claim::Busy);
    assert_eq!(claim(60).await, Claim::Send);
    // Whoever was slow gives back what is another's by now.
    mail_log::give_back(&client, "mail", at(60)).await.unwrap();
    assert_eq!(claim(61).await, Claim::Busy);
    assert_eq!(db.count("select attempts::bigint from mail_log").await, 2);
}

#[tokio::test]
async fn a_failed_attempt_may_be_repeated_at_once_and_a_hopeless_one_never() {
    let db = TestDb::new().await;
    let client = db.client().await;
    let claim = async |seconds: i64| {
        mail_log::claim(&client, "mail", "tickets", at(seconds + 60), at(seconds))
            .await
            .unwrap()
    };
    assert_eq!(claim(0).await, Claim::Send);
    mail_log::give_back(&client, "mail", at(60)).await.unwrap();
    assert_eq!(claim(1).await, Claim::Send);
    mail_log::drop_for_good(&client, "mail", "the address does not exist", at(2))
        .await
        .unwrap();
    assert_eq!(claim(1_000).await, Claim::Done);
    mail_log::give_back(&client, "mail", at(61)).await.unwrap();
    assert_eq!(claim(1_001).await, Claim::Done);
}

#[tokio::test]
async fn a_mail_that_was_sent_is_neither_dropped_nor_given_back() {
    let db = TestDb::new().await;
    let client = db.client().await;
    mail_log::claim(&client, "mail", "tickets", at(60), at(0))
        .await
        .unwrap();
    mail_log::mark_sent(&client, "mail", "ses-1", at(1))
        .await
        .unwrap();
    mail_log::drop_for_good(&client, "mail", "too late", at(2))
        .await
        .unwrap();
    mail_log::give_back(&client, "mail", at(60)).await.unwrap();
    assert_eq!(
        db.count("select count(*) from mail_log where sent_at is not null and dropped_at is null")
            .await,
        1
    );
}

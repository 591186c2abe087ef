//! Answers to repeated requests: one effect, one answer, for a day.

use crate::support::{at, connections, race};
use db::idempotency::{self, KEEP_SECONDS};
use domain::idempotency::{Once, Stored};
use domain::{Error, UserId};
use testkit::TestDb;
use tokio_postgres::Client;

const REQUEST: [u8; 32] = [1; 32];
const OTHER_REQUEST: [u8; 32] = [2; 32];

fn stored(body: &str) -> Stored {
    Stored {
        status: 201,
        body: body.to_owned(),
    }
}

/// A request to check out under a key.
fn checkout(caller: i64, key: &str, request_hash: [u8; 32]) -> Once {
    Once {
        operation: "checkout",
        caller: UserId::new(caller),
        key: key.to_owned(),
        request_hash,
    }
}

/// Claims a key and, on its first use, keeps an answer, in one transaction.
async fn request(
    client: &mut Client,
    once: &Once,
    seconds: i64,
    answer: &str,
) -> Result<Option<Stored>, Error> {
    let tx = client.transaction().await.unwrap();
    let claimed = idempotency::claim(&tx, Some(once), at(seconds)).await?;
    if claimed.is_none() {
        idempotency::store(tx.client(), Some(once), &stored(answer))
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    Ok(claimed)
}

#[tokio::test]
async fn the_first_answer_is_given_again() {
    let db = TestDb::new().await;
    let mut client = db.client().await;
    assert_eq!(
        request(&mut client, &checkout(1, "k", REQUEST), 0, "first")
            .await
            .unwrap(),
        None
    );
    for seconds in [1, 3_600, KEEP_SECONDS] {
        let again = request(&mut client, &checkout(1, "k", REQUEST), seconds, "second")
            .await
            .unwrap();
        assert_eq!(again, Some(stored("first")), "{seconds}");
    }
}

#[tokio::test]
async fn the_key_of_another_request_is_refused_and_keeps_its_answer() {
    let db = TestDb::new().await;
    let mut client = db.client().await;
    request(&mut client, &checkout(1, "k", REQUEST), 0, "first")
        .await
        .unwrap();
    let refused = request(&mut client, &checkout(1, "k", OTHER_REQUEST), 1, "second")
        .await
        .unwrap_err();
    assert_eq!(refused.code, "idempotency_mismatch");
    let again = request(&mut client, &checkout(1, "k", REQUEST), 2, "third")
        .await
        .unwrap();
    assert_eq!(again, Some(stored("first")));
}

#[tokio::test]
async fn the_same_key_of_another_user_is_another_key() {
    let db = TestDb::new().await;
    let mut client = db.client().await;
    request(&mut client, &checkout(1, "k", REQUEST), 0, "first")
        .await
        .unwrap();
    // Nor do scope and key run into each other: "checkout 1" + "1k" is not "checkout 11" + "k".
    for (caller, key) in [(2, "k"), (11, "k"), (1, "1k")] {
        assert_eq!(
            request(&mut client, &checkout(caller, key, OTHER_REQUEST), 0, "own")
                .await
                .unwrap(),
            None
        );
    }
}

#[tokio::test]
async fn the_same_key_of_another_operation_is_another_key() {
    let db = TestDb::new().await;
    let mut client = db.client().await;
    let first = checkout(1, "k", REQUEST);
    request(&mut client, &first, 0, "first").await.unwrap();
    let other = Once {
        operation: "add_item",
        ..first
    };
    assert_eq!(request(&mut client, &other, 0, "own").await.unwrap(), None);
}

#[tokio::test]
async fn without_a_key_nothing_is_kept() {
    let db = TestDb::new().await;
    let mut client = db.client().await;
    let tx = client.transaction().await.unwrap();
    assert_eq!(idempotency::claim(&tx, None, at(0)).await.unwrap(), None);
    idempotency::store(tx.client(), None, &stored("x")).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(db.count("select count(*) from idempotency_keys").await, 0);
}

#[tokio::test]
async fn after_a_day_the_key_is_free_for_any_request() {
    let db = TestDb::new().await;
    let mut client = db.client().await;
    request(&mut client, &checkout(1, "k", REQUEST), 0, "first")
        .await
        .unwrap();
    let later = KEEP_SECONDS + 1;
    assert_eq!(
        request(&mut client, &checkout(1, "k", OTHER_REQUEST), later, "new")
            .await
            .unwrap(),
        None
    );
    let again = request(&mut client, &checkout(1, "k", OTHER_REQUEST), later + 1, "third")
        .await
        .unwrap();
    assert_eq!(again, Some(stored("new")));
}

#[tokio::test]
async fn a_twin_in_flight_is_told_to_wait() {
    let db = TestDb::new().await;
    let (mut first, mut second) = (db.client().await, db.client().await);
    let tx = first.transaction().await.unwrap();
    assert_eq!(
        idempotency::claim(&tx, Some(&checkout(1, "k", REQUEST)), at(0))
            .await
            .unwrap(),
        None
    );
    let refused = request(&mut second, &checkout(1, "k", REQUEST), 0, "twin")
        .await
        .unwrap_err();
    assert_eq!(refused.code, "request_in_flight");
    idempotency::store(tx.client(), Some(&checkout(1, "k", REQUEST)), &stored("first"))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let again = request(&mut second, &checkout(1, "k", REQUEST), 1, "twin")
        .await
        .unwrap();
    assert_eq!(again, Some(stored("first")));
}

#[tokio::test]
async fn a_request_that_failed_leaves_its_key_free() {
    let db = TestDb::new().await;
    let mut client = db.client().await;
    let tx = client.transaction().await.unwrap();
    idempotency::claim(&tx, Some(&checkout(1, "k", REQUEST)), at(0))
        .await
        .unwrap();
    tx.rollback().await.unwrap();
    // The corrected request may use the key again.
    assert_eq!(
        request(&mut client, &checkout(1, "k", OTHER_REQUEST), 1, "good")
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn of_many_twins_one_has_an_effect_and_the_others_its_answer() {
    const TWINS: usize = 32;
    let db = TestDb::new().await;
    db.run("create table effects (twin bigint not null)").await;
    let mut clients = connections(&db, TWINS).await;
    for round in 0..10 {
        let key = format!("key {round}");
        let answers = race(&mut clients, async |twin, client| {
            let (answer, once) = (format!("by {twin}"), checkout(1, &key, REQUEST));
            // As a client does that is told to wait.
            for _ in 0..1_000 {
                let tx = client.transaction().await.unwrap();
                match idempotency::claim(&tx, Some(&once), at(0)).await {
                    Ok(Some(stored)) => return stored.body,
                    Ok(None) => {
                        let twin = i64::try_from(twin).unwrap();
                        tx.execute("insert into effects values ($1)", &[&twin])
                            .await
                            .unwrap();
                        idempotency::store(tx.client(), Some(&once), &stored(&answer))
                            .await
                            .unwrap();
                        tx.commit().await.unwrap();
                        return answer;
                    }
                    Err(error) => assert_eq!(error.code, "request_in_flight"),
                }
            }
            panic!("the twin never finished");
        })
        .await;
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        assert_eq!(db.count("select count(*) from effects").await, round + 1);
    }
}

#[tokio::test]
async fn old_keys_are_forgotten_in_portions() {
    let db = TestDb::new().await;
    let mut client = db.client().await;
    for (number, seconds) in [0, 1, 2, 3, 100].into_iter().enumerate() {
        let once = checkout(1, &number.to_string(), REQUEST);
        request(&mut client, &once, seconds, "x").await.unwrap();
    }
    assert_eq!(idempotency::forget(&client, at(3), 2).await.unwrap(), 2);
    assert_eq!(idempotency::forget(&client, at(3), 2).await.unwrap(), 1);
    assert_eq!(idempotency::forget(&client, at(3), 2).await.unwrap(), 0);
    assert_eq!(
        db.text("select string_agg(key, ' ' order by key) from idempotency_keys")
            .await,
        "3 4"
    );
}

//! Accounts: one per mail address, in whatever case it is written.

use crate::support::{at, connections, race};
use db::users::{self, Created, NewUser, ProfilePatch};
use db::{Transaction, verifications};
use domain::UserId;
use domain::user::{Age, Email, PersonName, Phone, Role};
use testkit::{Rows, TestDb};

async fn insert(tx: &Transaction<'_>, email: &str) -> Option<UserId> {
    let user = NewUser {
        email: &Email::parse(email).unwrap(),
        password_hash: "a hash",
        name: &PersonName::parse("Ayu").unwrap(),
        age: serde_json::from_str::<Age>("30").unwrap(),
        phone_number: &Phone::parse("0812").unwrap(),
        role: Role::User,
    };
    match users::insert(tx, &user, at(0)).await.unwrap() {
        Created::User(user) => Some(user.id),
        Created::EmailTaken => None,
    }
}

#[tokio::test]
async fn of_many_who_register_one_address_one_gets_it() {
    const PEOPLE: usize = 32;
    let db = TestDb::new().await;
    let mut clients = connections(&db, PEOPLE).await;
    for round in 0..10 {
        let made = race(&mut clients, async |number, client| {
            // Each writes the address in a case of its own.
            let local: String = format!("josé.{round}.abcdefgh")
                .chars()
                .enumerate()
                .map(|(at, c)| {
                    if (number + at) % 3 == 0 {
                        c.to_uppercase().next().unwrap()
                    } else {
                        c
                    }
                })
                .collect();
            let tx = client.transaction().await.unwrap();
            let made = insert(&tx, &format!("{local}@Example.Test")).await;
            tx.commit().await.unwrap();
            made
        });
        assert_eq!(made.await.into_iter().flatten().count(), 1);
    }
    assert_eq!(db.count("select count(*) from users").await, 10);
}

#[tokio::test]
async fn an_address_is_free_again_if_its_registration_fails() {
    let db = TestDb::new().await;
    let (mut first, mut second) = (db.client().await, db.client().await);
    let failing = first.transaction().await.unwrap();
    assert!(insert(&failing, "ayu@example.test").await.is_some());
    let waiting = async {
        let tx = second.transaction().await.unwrap();
        let made = insert(&tx, "AYU@example.test").await;
        tx.commit().await.unwrap();
        made
    };
    let (made, ()) = tokio::join!(waiting, async { failing.rollback().await.unwrap() });
    assert!(made.is_some());
}

#[tokio::test]
async fn an_account_is_found_by_its_address_in_any_case_and_keeps_how_it_was_written() {
    let db = TestDb::new().await;
    let id = Rows(&db).buyer("Ayu.Lestari@Example.test").await;
    let client = db.client().await;
    for written in [
        "ayu.lestari@example.test",
        "AYU.LESTARI@EXAMPLE.TEST",
        "Ayu.Lestari@Example.test",
    ] {
        let found = users::credentials(&client, &Email::parse(written).unwrap())
            .await
            .unwrap();
        let (user, hash) = found.unwrap_or_else(|| panic!("{written} is not found"));
        assert_eq!(
            (user.id, user.email.as_str(), hash.as_str()),
            (id, "Ayu.Lestari@Example.test", "not a hash")
        );
    }
    // An underscore or a percent sign is no wildcard.
    for written in ["ayu_lestari@example.test", "%@example.test"] {
        let found = users::credentials(&client, &Email::parse(written).unwrap())
            .await
            .unwrap();
        assert!(found.is_none(), "{written}");
    }
}

#[tokio::test]
async fn a_password_is_rehashed_only_if_it_is_still_the_same() {
    let db = TestDb::new().await;
    let id = Rows(&db).buyer("ayu@example.test").await;
    let client = db.client().await;
    users::rehash(&client, id, "a hash from before a change", "stronger")
        .await
        .unwrap();
    assert_eq!(db.text("select password_hash from users").await, "not a hash");
    users::rehash(&client, id, "not a hash", "stronger")
        .await
        .unwrap();
    assert_eq!(db.text("select password_hash from users").await, "stronger");
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let db = TestDb::new().await;
    let id = Rows(&db).buyer("ayu@example.test").await;
    let client = db.client().await;
    let patch = ProfilePatch {
        phone_number: Phone::parse("0899").ok(),
        ..ProfilePatch::default()
    };
    let user = users::update(&client, id, &patch, at(60)).await.unwrap().unwrap();
    assert_eq!(
        (user.name.as_str(), user.age, user.phone_number.as_str()),
        ("ayu", 30, "0899")
    );
    assert_eq!(user.updated_at, at(60));
    assert!(
        users::update(&client, UserId::new(999), &patch, at(60))
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn of_many_clicks_on_a_link_one_verifies_the_account() {
    let db = TestDb::new().await;
    let id = Rows(&db).buyer("ayu@example.test").await;
    db.run("update users set is_verified = false").await;
    let mut clients = connections(&db, 16).await;
    let tx = clients[0].transaction().await.unwrap();
    verifications::put(&tx, id, &[1; 32], at(60), at(0))
        .await
        .unwrap();
    verifications::put(&tx, id, &[2; 32], at(60), at(0))
        .await
        .unwrap();
    // The newer link replaces the older.
    assert_eq!(verifications::use_up(&tx, &[1; 32], at(1)).await.unwrap(), None);
    tx.commit().await.unwrap();
    let used = race(&mut clients, async |_, client| {
        let tx = client.transaction().await.unwrap();
        let used = verifications::use_up(&tx, &[2; 32], at(1)).await.unwrap();
        tx.commit().await.unwrap();
        used
    });
    assert_eq!(used.await.into_iter().flatten().collect::<Vec<_>>(), [id]);
    assert_eq!(db.count("select count(*) from users where is_verified").await, 1);
}

#[tokio::test]
async fn a_link_that_is_too_old_verifies_nobody() {
    let db = TestDb::new().await;
    let id = Rows(&db).buyer("ayu@example.test").await;
    db.run("update users set is_verified = false").await;
    let mut client = db.client().await;
    let tx = client.transaction().await.unwrap();
    verifications::put(&tx, id, &[1; 32], at(60), at(0))
        .await
        .unwrap();
    assert_eq!(verifications::use_up(&tx, &[1; 32], at(60)).await.unwrap(), None);
    tx.commit().await.unwrap();
    assert_eq!(db.count("select count(*) from users where is_verified").await, 0);
}

#[tokio::test]
async fn requests_of_one_buyer_queue_and_others_do_not_wait() {
    let db = TestDb::new().await;
    let (ayu, budi) = (
        Rows(&db).buyer("ayu@example.test").await,
        Rows(&db).buyer("budi@example.test").await,
    );
    let (mut first, mut second) = (db.client().await, db.client().await);
    let holding = first.transaction().await.unwrap();
    assert_eq!(
        users::lock_buyer(&holding, ayu).await.unwrap().unwrap().name,
        "ayu"
    );
    let tx = second.transaction().await.unwrap();
    assert_eq!(users::lock_buyer(&tx, budi).await.unwrap().unwrap().name, "budi");
    assert_eq!(users::lock_buyer(&tx, UserId::new(999)).await.unwrap(), None);
    // What refers to a locked buyer can still be written: an order, a ticket.
    tx.execute(
        "insert into orders (code, user_id, subtotal, total, expires_at, created_at, updated_at)
         values ('ORDER-' || repeat('0', 32), $1, 0, 0, now(), now(), now())",
        &[&ayu.get()],
    )
    .await
    .unwrap();
    let waiting = std::pin::pin!(users::lock_buyer(&tx, ayu));
    let early = tokio::time::timeout(std::time::Duration::from_millis(300), waiting).await;
    assert!(early.is_err(), "the second request of the buyer did not wait");
    holding.rollback().await.unwrap();
}

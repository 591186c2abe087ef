//! Guests, and accounts that claim what they bought.

use crate::support::{connections, race};
use db::guests::{self, Claimed};
use domain::UserId;
use domain::page::Page;
use domain::user::{Email, PersonName, Phone, Role};
use testkit::{Rows, TestDb, start};
use tokio_postgres::Client;

const EMAIL: &str = "Ayu@example.test";

async fn guest(db: &TestDb) -> UserId {
    let mut client = db.client().await;
    let tx = client.transaction().await.unwrap();
    let (email, name) = (
        Email::parse("ayu@EXAMPLE.test").unwrap(),
        PersonName::parse("Ayu").unwrap(),
    );
    let guest = guests::insert(&tx, &email, &name, &Phone::parse("0812").unwrap(), start())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    guest.id
}

async fn claim(db: &TestDb, account: UserId) -> Claimed {
    let mut client = db.client().await;
    let tx = client.transaction().await.unwrap();
    let claimed = guests::claim(&tx, account, start()).await.unwrap();
    tx.commit().await.unwrap();
    claimed
}

const NOTHING: Claimed = Claimed {
    orders: 0,
    tickets: 0,
};

#[tokio::test]
async fn only_a_proved_address_claims_what_its_guests_bought() {
    let db = TestDb::new().await;
    let ticket = Rows(&db).on_sale(50_000, 100).await;
    let (one, two) = (guest(&db).await, guest(&db).await);
    Rows(&db).bought(one, ticket, 2).await;
    Rows(&db).bought(two, ticket, 1).await;
    let account = Rows(&db).user(EMAIL, Role::User).await;
    let stranger = Rows(&db).user("budi@example.test", Role::User).await;
    db.run("update users set is_verified = false").await;
    assert_eq!(claim(&db, account).await, NOTHING);
    db.run("update users set is_verified = true").await;
    assert_eq!(claim(&db, stranger).await, NOTHING);
    assert_eq!(claim(&db, one).await, NOTHING, "a guest proves nothing");
    let all = Claimed {
        orders: 2,
        tickets: 3,
    };
    assert_eq!(claim(&db, account).await, all);
    for sql in [
        "select count(*) from orders where user_id <> $",
        "select count(*) from payments where user_id <> $",
        "select count(*) from issued_tickets where holder_id <> $",
        "select count(*) from users where is_guest and (deleted_at is null or email not like 'deleted-%@invalid') and $ > 0",
    ] {
        assert_eq!(
            db.count(&sql.replace('$', &account.to_string())).await,
            0,
            "{sql}"
        );
    }
    assert_eq!(
        db.count("select count(*) from issued_tickets where holder_name = 'Deleted user'")
            .await,
        0
    );
}

/// A guest orders, as long as there is one. Tells whether there was.
async fn order(client: &mut Client, guest: UserId) -> bool {
    let tx = client.transaction().await.unwrap();
    if db::users::lock_buyer(&tx, guest).await.unwrap().is_none() {
        return false;
    }
    let sql = "
        insert into orders (code, user_id, subtotal, total, expires_at, created_at, updated_at)
        values ($1, $2, 0, 0, now(), now(), now())";
    let code = domain::order::code(runtime::random::bytes());
    tx.execute(sql, &[&code, &guest.get()]).await.unwrap();
    tx.commit().await.unwrap();
    true
}

#[tokio::test]
async fn nothing_is_lost_when_a_guest_orders_while_the_account_claims() {
    let db = TestDb::new().await;
    let account = Rows(&db).user(EMAIL, Role::User).await;
    db.run("update users set is_verified = true").await;
    let mut clients = connections(&db, 8).await;
    for round in 0..30 {
        let guest = guest(&db).await;
        let done = race(&mut clients, async |number, client| {
            if number % 2 == 1 {
                return u64::from(order(client, guest).await);
            }
            let tx = client.transaction().await.unwrap();
            guests::claim(&tx, account, start()).await.unwrap();
            tx.commit().await.unwrap();
            0
        });
        done.await;
        let left = format!("select count(*) from orders where user_id = {guest}");
        assert_eq!(db.count(&left).await, 0, "round {round}");
    }
}

#[tokio::test]
async fn guests_are_no_accounts_in_a_list() {
    let db = TestDb::new().await;
    Rows(&db).user(EMAIL, Role::User).await;
    guest(&db).await;
    let page = Page { number: 1, limit: 10 };
    let listed = db::users::list(&db.client().await, Some("ayu"), true, page)
        .await
        .unwrap();
    assert_eq!((listed.0.len(), listed.1), (1, 1));
}

#[tokio::test]
async fn guests_who_ordered_nothing_are_forgotten() {
    let db = TestDb::new().await;
    let ticket = Rows(&db).on_sale(50_000, 100).await;
    let (bought, idle) = (guest(&db).await, guest(&db).await);
    Rows(&db).bought(bought, ticket, 1).await;
    let mut client = db.client().await;
    for (before, forgotten) in [
        (start(), 0),
        (start().plus_seconds(1), 1),
        (start().plus_seconds(2), 0),
    ] {
        let tx = client.transaction().await.unwrap();
        assert_eq!(guests::forget(&tx, before, 10, start()).await.unwrap(), forgotten);
        tx.commit().await.unwrap();
    }
    assert_eq!(
        db.count("select id from users where is_guest and deleted_at is not null")
            .await,
        idle.get()
    );
}

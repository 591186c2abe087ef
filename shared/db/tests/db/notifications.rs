//! What the system tells people by itself: whom, once, and in which words.

use crate::payments::{apply, placed, report};
use crate::support::{at, connections, on_sale, race};
use domain::language::Language;
use domain::notice::Notice;
use domain::page::Page;
use domain::{OrderId, UserId};
use testkit::{Rows, TestDb};
use tokio_postgres::Client;

/// What somebody was told, the oldest first.
async fn told(client: &Client, user: UserId, usual: Language) -> Vec<String> {
    let (told, _) = db::notifications::list(client, user, Page::default(), usual)
        .await
        .unwrap();
    told.into_iter().rev().map(|told| told.message).collect()
}

async fn buyer_of(client: &Client, order: OrderId) -> UserId {
    let sql = "select user_id from orders where id = $1";
    UserId::new(client.query_one(sql, &[&order.get()]).await.unwrap().get(0))
}

fn sold_out() -> Notice {
    Notice::SoldOut {
        ticket: "Festival".to_owned(),
        event: "Jazz".to_owned(),
    }
}

#[tokio::test]
async fn a_replayed_settlement_tells_nobody_again() {
    let (db, festival) = on_sale(10).await;
    let mut client = db.client().await;
    let order = placed(&mut client, &[(festival, 2)]).await;
    let buyer = buyer_of(&client, order).await;
    for second in 1..4 {
        apply(&mut client, order, &report("t1", "settlement", "2000.00"), second).await;
    }
    let told = told(&client, buyer, Language::En).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].ends_with("is paid, your 2 tickets are ready."),
        "{told:?}"
    );
}

#[tokio::test]
async fn eight_at_once_tell_it_once() {
    let db = TestDb::new().await;
    let user = Rows(&db).buyer("ayu@example.test").await;
    let mut clients = connections(&db, 8).await;
    for subject in 0..20 {
        let told = race(&mut clients, async |_, client| {
            let tx = client.transaction().await.unwrap();
            let subject = subject.to_string();
            let told = db::notifications::tell(&tx, user, &sold_out(), &subject, at(1)).await;
            tx.commit().await.unwrap();
            told.unwrap()
        })
        .await;
        assert_eq!(told.into_iter().filter(|told| *told).count(), 1);
    }
    assert_eq!(db.count("select count(*) from notifications").await, 20);
}

#[tokio::test]
async fn everybody_is_told_once_in_their_own_language() {
    let db = TestDb::new().await;
    let (ayu, budi) = (
        Rows(&db).buyer("ayu@example.test").await,
        Rows(&db).buyer("budi@example.test").await,
    );
    db.run(&format!(
        "insert into preferences (user_id, language, updated_at) values ({budi}, 'en', now())"
    ))
    .await;
    let mut client = db.client().await;
    let tx = client.transaction().await.unwrap();
    for _ in 0..2 {
        let code = "JAZZ".to_owned();
        db::notifications::tell_all(&tx, &Notice::PromoEnded { code }, "1", at(1))
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    let (id, en) = (
        "Kode promo JAZZ tidak tersedia lagi",
        "Promo code JAZZ is no longer available",
    );
    assert_eq!(told(&client, ayu, Language::Id).await, [id]);
    assert_eq!(told(&client, ayu, Language::En).await, [en]);
    assert_eq!(told(&client, budi, Language::Id).await, [en]);
}

#[tokio::test]
async fn who_has_left_is_told_nothing_and_waits_are_in_the_order_of_ids() {
    let db = TestDb::new().await;
    let (ayu, budi) = (
        Rows(&db).buyer("ayu@example.test").await,
        Rows(&db).buyer("budi@example.test").await,
    );
    db.run(&format!("update users set deleted_at = now() where id = {ayu}"))
        .await;
    let mut client = db.client().await;
    let tx = client.transaction().await.unwrap();
    let told = db::notifications::tell_each(&tx, &[budi, ayu, budi], &sold_out(), "1", at(1)).await;
    assert_eq!(told.unwrap(), 1);
    let told = db::notifications::tell(&tx, ayu, &sold_out(), "1", at(1)).await;
    assert!(!told.unwrap());
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn two_sales_of_the_last_units_leave_a_hint_that_sees_both() {
    let (db, festival) = on_sale(2).await;
    let (mut one, mut other) = (db.client().await, db.client().await);
    db.run("update ticket_types set stripes = 2; delete from ticket_stock;
            insert into ticket_stock (ticket_type_id, stripe, capacity) select id, s, 1 from ticket_types, generate_series(0, 1) s")
        .await;
    let first = placed(&mut one, &[(festival, 1)]).await;
    let second = placed(&mut one, &[(festival, 1)]).await;
    let paid = report("t1", "settlement", "1000.00");
    let paid_too = report("t2", "settlement", "1000.00");
    tokio::join!(
        apply(&mut one, first, &paid, 1),
        apply(&mut other, second, &paid_too, 1)
    );
    assert_eq!(db.count("select count(*) from sold_out_hints").await, 2);
    let tx = one.transaction().await.unwrap();
    assert_eq!(db::announcements::tell_sold_out(&tx, 10, at(2)).await.unwrap(), 2);
    tx.commit().await.unwrap();
    let organizer = UserId::new(db.count("select organizer_id from events").await);
    let told = told(&one, organizer, Language::En).await;
    assert_eq!(told.len(), 1);
    assert!(told[0].ends_with("are sold out"), "{told:?}");
}

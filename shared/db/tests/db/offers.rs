//! What an event offers stands on its row, whoever writes its ticket types.

use crate::support::{connections, race};
use db::ticket_types::{self, MOST_PER_EVENT, Made, NewTicketType};
use domain::ticket::{Capacity, TicketName};
use domain::user::Role;
use domain::{CategoryId, EventId, Rupiah, UserId};
use testkit::{Rows, TestDb};

/// Rows that do not say what their ticket types offer.
const WRONG: &str = "
    select count(*) from events e cross join lateral (
        select min(price) as low, max(price) as high, coalesce(array_agg(distinct category_id), '{}') as categories
        from ticket_types where event_id = e.id
    ) t
    where (e.min_price, e.max_price, e.category_ids) is distinct from (t.low, t.high, t.categories)";

async fn organized(db: &TestDb) -> (UserId, EventId, CategoryId) {
    let rows = Rows(db);
    let organizer = rows.user("organizer@example.test", Role::Organizer).await;
    let category = rows.category("Concert").await;
    (organizer, rows.event(organizer, "Java Jazz").await, category)
}

fn costing(event_id: EventId, category_id: CategoryId, price: i64) -> NewTicketType {
    NewTicketType {
        event_id,
        category_id,
        name: TicketName::parse("Festival").unwrap(),
        price: Rupiah::new(price).unwrap(),
        capacity: Capacity::new(1).unwrap(),
        artist: None,
        sales_start: None,
        sales_end: None,
        min_per_order: 1,
        max_per_order: 1,
        max_per_user: None,
    }
}

#[tokio::test]
async fn it_follows_every_change_of_a_ticket_type() {
    let db = TestDb::new().await;
    let (organizer, event, category) = organized(&db).await;
    let theatre = Rows(&db).category("Theatre").await;
    let other = Rows(&db).event(organizer, "Other").await;
    let offer = async || {
        assert_eq!(db.count(WRONG).await, 0);
        db.text(&format!(
            "select concat_ws(' ', min_price, max_price, category_ids) from events where id = {event}"
        ))
        .await
    };
    assert_eq!(offer().await, "{}");
    let cheap = Rows(&db).ticket_type(organizer, event, category, 50_000, 1).await;
    let dear = Rows(&db).ticket_type(organizer, event, theatre, 90_000, 1).await;
    assert_eq!(offer().await, format!("50000 90000 {{{category},{theatre}}}"));
    db.run(&format!(
        "update ticket_types set price = 10000 where id = {dear}"
    ))
    .await;
    assert_eq!(offer().await, format!("10000 50000 {{{category},{theatre}}}"));
    db.run(&format!(
        "update ticket_types set category_id = {theatre} where id = {cheap}"
    ))
    .await;
    assert_eq!(offer().await, format!("10000 50000 {{{theatre}}}"));
    db.run(&format!(
        "update ticket_types set event_id = {other} where id = {dear}"
    ))
    .await;
    assert_eq!(offer().await, format!("50000 50000 {{{theatre}}}"));
    db.run(&format!("delete from ticket_types where id = {cheap}"))
        .await;
    assert_eq!(offer().await, "{}");
}

#[tokio::test]
async fn types_that_are_made_at_the_same_time_are_all_counted() {
    let db = TestDb::new().await;
    let (organizer, event, category) = organized(&db).await;
    let mut clients = connections(&db, 12).await;
    let made = race(&mut clients, async |number, client| {
        let mut made = 0;
        for step in 0..10 {
            let tx = client.transaction().await.unwrap();
            let price = i64::try_from(number * 10 + step).unwrap();
            let new = costing(event, category, price);
            let answer = ticket_types::insert(&tx, organizer, false, &new, testkit::start())
                .await
                .unwrap();
            match answer {
                Made::TicketType(_) => made += 1,
                other => assert_eq!(other, Made::TooMany),
            }
            tx.commit().await.unwrap();
        }
        made
    });
    assert_eq!(made.await.into_iter().sum::<i64>(), MOST_PER_EVENT);
    assert_eq!(db.count(WRONG).await, 0);
}

#[tokio::test]
async fn prices_that_change_at_the_same_time_are_all_counted() {
    let db = TestDb::new().await;
    let (organizer, event, category) = organized(&db).await;
    let mut types = Vec::new();
    for _ in 0..8 {
        types.push(Rows(&db).ticket_type(organizer, event, category, 500, 1).await);
    }
    let mut clients = connections(&db, types.len()).await;
    for round in 1..=20 {
        race(&mut clients, async |number, client| {
            let price = 500 + if number % 2 == 0 { round } else { -round };
            let id = types[number];
            client
                .batch_execute(&format!(
                    "update ticket_types set price = {price} where id = {id}"
                ))
                .await
                .unwrap();
        })
        .await;
        assert_eq!(db.count(WRONG).await, 0, "round {round}");
    }
}

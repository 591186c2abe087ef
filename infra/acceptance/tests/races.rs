//! Many at once: what the database promises must hold through gateway and functions, too.

use acceptance::{Buyer, Fleet, Organizer, Reply, Stock, TicketTerms, eventually, unique};
use serde_json::json;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Requests in flight. Each keeps a process of its own busy, so a larger crowd would only measure the machine.
const AT_ONCE: usize = 24;

/// Lets everybody do the same thing, some at a time, and gives the answers with whose they are.
async fn all<F>(buyers: &[Buyer], act: impl Fn(Buyer) -> F) -> Vec<(Buyer, Reply)>
where
    F: Future<Output = Reply> + Send + 'static,
{
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for buyer in buyers {
        let (turns, acting, buyer) = (Arc::clone(&turns), act(buyer.clone()), buyer.clone());
        running.spawn(async move {
            let _turn = turns.acquire_owned().await.unwrap();
            (buyer, acting.await)
        });
    }
    running.join_all().await
}

/// How often each outcome came: `201`, or `409 sold_out`.
fn outcomes(answers: &[(Buyer, Reply)]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (_, reply) in answers {
        let outcome = match reply.status {
            200..300 => reply.status.to_string(),
            status => format!("{status} {}", reply.error(status)),
        };
        *counts.entry(outcome).or_default() += 1;
    }
    counts
}

fn successful(answers: Vec<(Buyer, Reply)>) -> (Vec<Buyer>, Vec<Buyer>) {
    let (yes, no): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(_, reply)| reply.status < 300);
    let buyers = |list: Vec<(Buyer, Reply)>| list.into_iter().map(|(buyer, _)| buyer).collect();
    (buyers(yes), buyers(no))
}

#[tokio::test]
async fn two_hundred_buyers_of_twenty_tickets_leave_exactly_twenty_sold() {
    let fleet = Fleet::running();
    let event = Organizer::demo(&fleet).await.event("Rush").await;
    let terms = TicketTerms {
        price: 90_000,
        quantity: 20,
    };
    let ticket = event.sell(terms).await;
    let db = fleet.database().await;
    let crowd = Buyer::crowd(&fleet, 200).await;
    let add = |buyer: Buyer| async move {
        let one = json!({"ticketId": ticket, "quantity": 1});
        buyer.api.post("/cart", &one).await
    };

    let answers = all(&crowd, add).await;
    assert_eq!(
        outcomes(&answers),
        BTreeMap::from([("201".to_owned(), 20), ("409 held_by_others".to_owned(), 180)])
    );
    let held = Stock {
        capacity: 20,
        held: 20,
        sold: 0,
    };
    assert_eq!(db.stock(ticket).await, held);

    // Five change their minds, and exactly five of the others get what they leave.
    let (mut winners, losers) = successful(answers);
    let leaving = winners.split_off(15);
    for buyer in &leaving {
        let cart = buyer.api.get("/cart").await.data(200);
        buyer
            .api
            .delete(&format!("/cart/{}", cart["items"][0]["id"]))
            .await
            .data(200);
    }
    let second = all(&losers, add).await;
    assert_eq!(outcomes(&second).get("201"), Some(&5), "{:?}", outcomes(&second));
    let (lucky, losers) = successful(second);
    winners.extend(lucky);

    let orders = all(&winners, |buyer| async move {
        let order = buyer.api.post("/cart/checkout", &json!({})).await.data(200);
        let opened = buyer
            .api
            .post("/payments/initialize", &json!({"orderId": order["orderId"]}))
            .await;
        opened.data(201);
        opened
    })
    .await;
    for (_, opened) in &orders {
        let order = opened.data(201)["payment"]["orderId"].clone();
        fleet.midtrans().pay(order.as_str().unwrap(), "bca_va").await;
    }
    let sold_out = Stock {
        capacity: 20,
        held: 0,
        sold: 20,
    };
    eventually("twenty are sold", Duration::from_secs(90), async || {
        (db.stock(ticket).await == sold_out).then_some(())
    })
    .await;
    let codes = db
        .rows(
            "select code, holder_id from issued_tickets where ticket_type_id = $1",
            &[&ticket],
        )
        .await;
    let holders: HashSet<i64> = codes.iter().map(|row| row.get(1)).collect();
    assert_eq!(
        (codes.len(), holders),
        (20, winners.iter().map(|buyer| buyer.id).collect())
    );
    let late = losers[0]
        .api
        .post("/cart", &json!({"ticketId": ticket, "quantity": 1}))
        .await;
    assert_eq!(
        late.error(409),
        "sold_out",
        "nothing is held any more, so nothing comes back"
    );
}

#[tokio::test]
async fn several_tickets_at_a_time_never_oversell() {
    let fleet = Fleet::running();
    let event = Organizer::demo(&fleet).await.event("Groups").await;
    let terms = TicketTerms {
        price: 10_000,
        quantity: 50,
    };
    let ticket = event.sell(terms).await;
    let crowd = Buyer::crowd(&fleet, 40).await;
    let answers = all(&crowd, |buyer| async move {
        let some = json!({"ticketId": ticket, "quantity": 1 + buyer.id % 4});
        buyer.api.post("/cart", &some).await
    })
    .await;
    let taken: i64 = answers
        .iter()
        .filter(|(_, reply)| reply.status == 201)
        .map(|(buyer, _)| 1 + buyer.id % 4)
        .sum();
    let stock = fleet.database().await.stock(ticket).await;
    assert_eq!((stock.held, stock.sold), (taken, 0), "{:?}", outcomes(&answers));
    // Whoever was refused wanted more than was left at that moment; in the end less than a group is left.
    assert!(
        (47..=50).contains(&taken),
        "{taken} of 50 were taken: {:?}",
        outcomes(&answers)
    );
}

#[tokio::test]
async fn two_clicks_on_pay_open_one_page() {
    let fleet = Fleet::running();
    let event = Organizer::demo(&fleet).await.event("Double click").await;
    let terms = TicketTerms {
        price: 10_000,
        quantity: 5,
    };
    let ticket = event.sell(terms).await;
    let buyer = Buyer::register(&fleet).await;
    let order = buyer.order(ticket, 1).await;
    // A slow gateway makes sure that the second click comes while the first is being served.
    let faults = fleet
        .midtrans()
        .faults(json!({"snap_create": {"delay_ms": 700, "order_id": order}}))
        .await;
    let clicks = vec![buyer.clone(); 6];
    let body = json!({"orderId": order});
    let answers = all(&clicks, |buyer| {
        let body = body.clone();
        async move { buyer.api.post("/payments/initialize", &body).await }
    })
    .await;
    faults.end().await;
    let mut pages = HashSet::new();
    for (_, reply) in &answers {
        match reply.status {
            201 => {
                pages.insert(reply.data(201)["redirectUrl"].as_str().unwrap().to_owned());
            }
            _ => {
                assert_eq!(reply.error(409), "request_in_flight");
                assert_eq!(reply.header("retry-after"), "1");
            }
        }
    }
    assert_eq!(pages.len(), 1, "{:?}", outcomes(&answers));
    let known = fleet.midtrans().order(&order).await;
    assert_eq!(known["snap"].as_array().unwrap().len(), 1, "{known}");
    assert!(
        pages.contains(&buyer.open_payment(&order).await),
        "and later clicks lead there, too"
    );
}

#[tokio::test]
async fn two_check_outs_at_once_make_one_order() {
    let fleet = Fleet::running();
    let event = Organizer::demo(&fleet).await.event("Two check-outs").await;
    let terms = TicketTerms {
        price: 10_000,
        quantity: 10,
    };
    let ticket = event.sell(terms).await;
    let db = fleet.database().await;
    for key in [None, Some(unique())] {
        let buyer = Buyer::register(&fleet).await;
        buyer
            .api
            .post("/cart", &json!({"ticketId": ticket, "quantity": 2}))
            .await
            .data(201);
        let twins = vec![buyer.clone(); 5];
        let answers = all(&twins, |buyer| {
            let key = key.clone();
            async move {
                match key {
                    Some(key) => buyer.api.post_once("/cart/checkout", &key, &json!({})).await,
                    None => buyer.api.post("/cart/checkout", &json!({})).await,
                }
            }
        })
        .await;
        let orders = db
            .number("select count(*) from orders where user_id = $1", &[&buyer.id])
            .await;
        assert_eq!(orders, 1, "{:?}", outcomes(&answers));
        let made: HashSet<Vec<u8>> = answers
            .iter()
            .filter(|(_, reply)| reply.status == 200)
            .map(|(_, reply)| reply.bytes.clone())
            .collect();
        assert_eq!(
            made.len(),
            1,
            "all that succeed say the same: {:?}",
            outcomes(&answers)
        );
    }
    assert_eq!(db.stock(ticket).await.held, 4);
}

#[tokio::test]
async fn a_notification_delivered_to_many_at_once_issues_tickets_once() {
    let fleet = Fleet::running();
    let event = Organizer::demo(&fleet).await.event("Chorus").await;
    let terms = TicketTerms {
        price: 10_000,
        quantity: 10,
    };
    let ticket = event.sell(terms).await;
    let buyer = Buyer::register(&fleet).await;
    let order = buyer.order_to_pay(ticket, 3).await;
    let rules = json!({"order_id": order, "notifications": {"drop": true}});
    let faults = fleet.midtrans().faults(rules).await;
    fleet.midtrans().pay(&order, "bca_va").await;
    faults.end().await;
    let hint = fleet.midtrans().signed(&order, "settlement", "30000.00");
    let voices = vec![buyer.clone(); 20];
    let answers = all(&voices, |buyer| {
        let hint = hint.clone();
        async move { buyer.api.post("/payments/notifications", &hint).await }
    })
    .await;
    assert_eq!(outcomes(&answers), BTreeMap::from([("200".to_owned(), 20)]));
    let db = fleet.database().await;
    let sql = "select coalesce(sum(deliveries), 0)::bigint from payment_notifications where order_code = $1";
    eventually(
        "all twenty were worked off",
        Duration::from_secs(60),
        async || (db.number(sql, &[&order]).await == 20).then_some(()),
    )
    .await;
    eventually("the tickets are issued", Duration::from_secs(60), async || {
        (db.order(&order).await == "paid").then_some(())
    })
    .await;
    assert_eq!((db.tickets(&order).await, db.stock(ticket).await.sold), (3, 3));
}

//! An event from draft to cancelled, the people who check its tickets, and what is written down about it.

use acceptance::{Buyer, Fleet, Organizer, Stock, TicketTerms, unique};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::JoinSet;

const TERMS: TicketTerms = TicketTerms {
    price: 90_000,
    quantity: 500,
};

#[tokio::test]
async fn an_event_goes_from_draft_to_cancelled() {
    let fleet = Fleet::running();
    let organizer = Organizer::demo(&fleet).await;
    let (buyer, stranger) = (Buyer::register(&fleet).await, fleet.stranger());
    let event = organizer.event("Life").await;
    let ticket = event.sell(TERMS).await;
    let path = format!("/events/{}", event.id);
    let item = json!({"ticketId": ticket, "quantity": 2});

    let back = organizer.api.post(&format!("{path}/unpublish"), &json!({})).await;
    assert_eq!(back.data(200)["status"], "draft");
    for hidden in [
        path.clone(),
        format!("{path}/calendar.ics"),
        format!("/tickets/{ticket}"),
        format!("/tickets/event/{}", event.id),
    ] {
        assert_eq!(stranger.get(&hidden).await.error(404), "not_found", "{hidden}");
    }
    let search = format!("/events?search={}", event.name.replace(' ', "%20"));
    assert_eq!(stranger.get(&search).await.data(200)["events"], json!([]));
    let feed = stranger.get("/events/feed.json").await;
    assert!(!feed.text().contains(&event.name));
    assert_eq!(buyer.api.post("/cart", &item).await.error(404), "not_found");
    organizer.api.get(&path).await.data(200);

    organizer
        .api
        .post(&format!("{path}/publish"), &json!({}))
        .await
        .data(200);
    buyer.api.post("/cart", &item).await.data(201);
    let taken = organizer.api.post(&format!("{path}/unpublish"), &json!({})).await;
    assert_eq!(taken.error(409), "in_use");

    // One order is paid, one waits for its payment, and one wish is in a cart.
    let paid = buyer.api.post("/cart/checkout", &json!({})).await.data(200)["orderId"].clone();
    let paid = paid.as_str().unwrap();
    buyer.open_payment(paid).await;
    fleet.midtrans().pay(paid, "bca_va").await;
    let late = Buyer::register(&fleet).await;
    let waiting = late.order_to_pay(ticket, 1).await;
    acceptance::eventually("the first is paid", Duration::from_secs(60), async || {
        (!buyer.tickets().await.is_empty()).then_some(())
    })
    .await;

    let moved = json!({"location": "Gedung Kesenian, Jakarta", "timeZone": "Asia/Makassar"});
    organizer.api.patch(&path, &moved).await.data(200);
    assert_eq!(organizer.api.delete(&path).await.error(409), "in_use");

    let cancelled = organizer.api.post(&format!("{path}/cancel"), &json!({})).await;
    assert_eq!(cancelled.message(), "Event cancelled successfully");
    assert_eq!(cancelled.data(200)["status"], "cancelled");
    assert_eq!(buyer.api.post("/cart", &item).await.error(409), "sales_closed");
    let again = json!({"orderId": waiting});
    let refused = late.api.post("/payments/initialize", &again).await;
    assert_eq!(refused.error(409), "sales_closed");
    assert_eq!(stranger.get(&path).await.data(200)["status"], "cancelled");

    // Money that comes all the same goes back, and so does what was paid before: its tickets are taken back.
    fleet.midtrans().pay(&waiting, "bca_va").await;
    let db = fleet.database().await;
    acceptance::eventually("the money is to go back", Duration::from_secs(60), async || {
        (db.order(&waiting).await == "refund_due").then_some(())
    })
    .await;
    assert_eq!(db.tickets(&waiting).await, 0);
    fleet.invoke("janitor", &json!({})).await;
    assert_eq!(db.tickets(paid).await, 0);
    let left = Stock {
        capacity: 500,
        held: 0,
        sold: 0,
    };
    assert_eq!(db.stock(ticket).await, left);

    // The sweep of the outbox takes what is older than ten seconds.
    tokio::time::sleep(Duration::from_secs(11)).await;
    fleet.invoke("outbox-relay", &json!({})).await;
    let told = fleet.mail(&buyer.email, "batal").await;
    assert!(told.text.contains(&event.name), "{}", told.text);

    // Who did it is written down, and nobody rewrites it.
    let log = organizer.api.get(&format!("{path}/audit")).await.data(200);
    let actions: Vec<&str> = log["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        [
            "cancel_event",
            "update_event",
            "publish_event",
            "unpublish_event",
            "create_ticket",
            "create_event"
        ]
    );
    assert_eq!(
        log["entries"][1]["changes"]["timeZone"],
        json!({"from": "Asia/Jakarta", "to": "Asia/Makassar"})
    );
    let admin = Organizer::with_role(&fleet, "admin").await;
    let query = format!("/users/audit?eventId={}&action=cancel_event", event.id);
    let entry = admin.api.get(&query).await.data(200)["entries"][0].clone();
    assert_eq!(entry["actorId"], organizer.id);
    assert!(entry["clientIp"].is_string(), "{entry}");
    assert_eq!(organizer.api.get("/users/audit").await.error(403), "forbidden");
}

#[tokio::test]
async fn a_cancellation_stops_a_rush_at_once() {
    let fleet = Fleet::running();
    let organizer = Organizer::demo(&fleet).await;
    let event = organizer.event("Called off").await;
    let ticket = event.sell(TERMS).await;
    let db = fleet.database().await;
    let mut rush = JoinSet::new();
    for buyer in Buyer::crowd(&fleet, 30).await {
        rush.spawn(async move {
            let one = json!({"ticketId": ticket, "quantity": 1});
            let (mut bought, mut refused) = (0, 0);
            for _ in 0..6 {
                let reply = buyer.api.post("/cart", &one).await;
                match reply.status {
                    201 => {
                        assert_eq!(refused, 0, "nobody is let in again");
                        bought += 1;
                    }
                    _ => {
                        assert_eq!(reply.error(409), "sales_closed");
                        refused += 1;
                    }
                }
            }
            (bought, refused)
        });
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let path = format!("/events/{}/cancel", event.id);
    organizer.api.post(&path, &json!({})).await.data(200);
    let then = db.stock(ticket).await;
    let answers = rush.join_all().await;
    let bought: i64 = answers.iter().map(|(bought, _)| bought).sum();
    let refused: i64 = answers.iter().map(|(_, refused)| refused).sum();
    assert_eq!(db.stock(ticket).await, then, "nothing was held afterwards");
    assert_eq!((then.held, bought + refused), (bought, 180));
    assert!(refused > 0, "the cancellation came too late to show anything");
}

#[tokio::test]
async fn staff_check_tickets_where_they_were_sent_and_nowhere_else() {
    let fleet = Fleet::running();
    let organizer = Organizer::demo(&fleet).await;
    let admin = Organizer::with_role(&fleet, "admin").await;
    let event = organizer.event("Gate").await;
    let ticket = event.sell(TicketTerms { price: 0, ..TERMS }).await;
    let buyer = Buyer::register(&fleet).await;
    let order = buyer.order(ticket, 1).await;
    let body = json!({"orderId": order});
    buyer.api.post("/payments/initialize", &body).await.data(201);
    let scan = json!({"token": buyer.tickets().await[0]["token"]});

    let staff = Buyer::register(&fleet).await;
    let role = format!("/users/{}/role", staff.id);
    let path = format!("/events/{}/staff", event.id);
    let who = json!({"email": staff.email});
    assert_eq!(
        organizer.api.post(&path, &who).await.error(404),
        "not_found",
        "an account that is not staff looks like none"
    );
    admin.api.patch(&role, &json!({"role": "staff"})).await.data(200);
    let staff = Buyer::log_in(&fleet, &staff.email, acceptance::PASSWORD).await;
    let unknown = json!({"valid": false, "reason": "unknown"});
    let verify = async || -> Value { staff.api.post("/tickets/verify", &scan).await.data(200) };
    assert_eq!(verify().await, unknown);

    organizer.api.post(&path, &who).await.data(200);
    assert_eq!(verify().await["valid"], true);
    let list = organizer.api.get(&path).await.data(200);
    assert_eq!(
        (&list[0]["userId"], &list[0]["email"]),
        (&json!(staff.id), &json!(staff.email))
    );

    let other = organizer.event(&format!("Elsewhere {}", unique())).await;
    let elsewhere = format!("/events/{}/staff", other.id);
    organizer.api.post(&elsewhere, &who).await.data(200);
    organizer
        .api
        .delete(&format!("{path}/{}", staff.id))
        .await
        .data(200);
    assert_eq!(verify().await, unknown, "sent elsewhere now");
    assert_eq!(staff.api.get(&path).await.error(403), "forbidden");
}

//! WebSockets through the gateway, with a client in another language.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_macros,
    reason = "`--nocapture` shows how fast and how often people are told"
)]

use acceptance::{Buyer, Fleet, Organizer, Sockets, TicketTerms, eventually};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const TERMS: TicketTerms = TicketTerms {
    price: 75_000,
    quantity: 1_000,
};

/// What a refused handshake is answered: the emulator says this whatever the function says.
const REFUSED: u16 = 403;

/// Puts tickets into the cart and checks out.
async fn order(buyer: &Buyer, ticket: i64, quantity: u32) -> String {
    let wish = json!({"ticketId": ticket, "quantity": quantity});
    buyer.api.post("/cart", &wish).await.data(201);
    let order = buyer.api.post("/cart/checkout", &json!({})).await.data(200);
    order["orderId"].as_str().unwrap().to_owned()
}

async fn open_page(buyer: &Buyer, order: &str) {
    let wish = json!({"orderId": order});
    buyer.api.post("/payments/initialize", &wish).await.data(201);
}

/// How many of one kind of ticket are left in a state of an event.
fn left(state: &Value, ticket: i64) -> i64 {
    let tickets = state["data"]["tickets"].as_array().unwrap();
    let of_kind = tickets.iter().find(|left| left["ticketId"] == ticket).unwrap();
    of_kind["quantity"].as_i64().unwrap()
}

fn code(answer: &Value) -> &str {
    assert_eq!(answer["type"], "error", "{answer}");
    answer["code"].as_str().unwrap()
}

#[tokio::test]
async fn a_buyer_follows_a_purchase_as_it_happens() {
    let fleet = Fleet::running();
    let mut sockets = Sockets::new(&fleet);
    let event = Organizer::demo(&fleet).await.event("Followed").await;
    let ticket = event.sell(TERMS).await;
    let buyer = Buyer::register(&fleet).await;
    sockets.open("buyer", Some(&buyer.api.socket_ticket().await));
    sockets.open("watcher", None);
    let of_event = format!("event:{}", event.id);
    let answer = sockets.subscribe("watcher", &of_event);
    assert_eq!(answer["type"], "subscribed", "{answer}");
    let mut seen = sockets.hear("watcher")["state"].clone();
    assert_eq!(left(&seen, ticket), 1_000);
    assert_eq!(sockets.subscribe("buyer", "notifications")["type"], "subscribed");

    let order = order(&buyer, ticket, 2).await;
    let of_order = format!("order:{order}");
    let answer = sockets.subscribe("buyer", &of_order);
    assert_eq!(answer["state"]["data"]["status"], "pending", "{answer}");
    assert_eq!(answer["state"]["data"]["paymentStatus"], Value::Null);
    while left(&seen, ticket) != 998 {
        let next = sockets.hear("watcher")["state"].clone();
        assert!(next["version"].as_i64() > seen["version"].as_i64());
        seen = next;
    }
    open_page(&buyer, &order).await;
    fleet.midtrans().pay(&order, "gopay").await;
    let begun = Instant::now();
    let mut paid = None;
    while paid.is_none() {
        let update = sockets.hear("buyer");
        assert_eq!(update["type"], "update", "{update}");
        if update["topic"] != "notifications" {
            assert_eq!(update["topic"], of_order);
            paid = Some(update["state"].clone()).filter(|state| state["data"]["status"] == "paid");
        }
    }
    let paid = paid.unwrap();
    println!("told of the payment after {:?}", begun.elapsed());
    assert_eq!(paid["data"]["paymentStatus"], "success");
    assert!(paid["version"].as_i64() > answer["state"]["version"].as_i64());
    // What was told is what the API says.
    let mine = buyer.api.get("/tickets/mine").await.data(200);
    assert_eq!(mine["meta"]["total"], 2);

    // An admin writes to the buyer.
    let admin = Organizer::with_role(&fleet, "admin").await;
    let body = json!({"userId": buyer.id, "message": "The doors open at seven."});
    let written = admin.api.post("/notifications", &body).await.data(201);
    loop {
        let update = sockets.hear("buyer");
        if update["topic"] == "notifications" && update["state"]["data"]["id"] == written["id"] {
            break;
        }
    }
}

#[tokio::test]
async fn nobody_gets_in_with_a_used_or_invented_ticket() {
    let fleet = Fleet::running();
    let mut sockets = Sockets::new(&fleet);
    let buyer = Buyer::register(&fleet).await;
    let ticket = buyer.api.socket_ticket().await;
    for number in 0..8 {
        sockets.begin(&format!("twin {number}"), Some(&ticket));
    }
    let mut outcomes = BTreeMap::new();
    for number in 0..8 {
        let status = sockets.status(&format!("twin {number}"));
        *outcomes.entry(status).or_insert(0) += 1;
    }
    assert_eq!(outcomes, BTreeMap::from([(101, 1), (REFUSED, 7)]));
    sockets.begin("invented", Some(&"0".repeat(64)));
    assert_eq!(sockets.status("invented"), REFUSED);
    let refused = fleet.stranger().post("/realtime/tickets", &json!({})).await;
    assert_eq!(refused.status, 401);
}

#[tokio::test]
async fn orders_of_others_stay_theirs() {
    let fleet = Fleet::running();
    let mut sockets = Sockets::new(&fleet);
    let event = Organizer::demo(&fleet).await.event("Private").await;
    let ticket = event.sell(TERMS).await;
    let [ayu, budi] = [Buyer::register(&fleet).await, Buyer::register(&fleet).await];
    let order = order(&ayu, ticket, 1).await;
    let topic = format!("order:{order}");
    sockets.open("budi", Some(&budi.api.socket_ticket().await));
    sockets.open("stranger", None);
    assert_eq!(code(&sockets.subscribe("budi", &topic)), "not_found");
    assert_eq!(code(&sockets.subscribe("stranger", &topic)), "unauthenticated");
    assert_eq!(
        code(&sockets.subscribe("stranger", "notifications")),
        "unauthenticated"
    );
    assert_eq!(
        code(&sockets.subscribe("stranger", "event:999999999")),
        "not_found"
    );
    let nonsense = json!({"action": "$disconnect"});
    assert_eq!(code(&sockets.ask("stranger", &nonsense)), "invalid_message");
    let large = json!({"action": "ping", "id": "x".repeat(5_000)});
    assert_eq!(code(&sockets.ask("stranger", &large)), "message_too_large");
    let ping = json!({"action": "ping", "id": "1"});
    assert_eq!(sockets.ask("stranger", &ping), json!({"type": "pong", "id": "1"}));
}

#[tokio::test]
async fn an_account_has_ten_connections_however_they_come() {
    let fleet = Fleet::running();
    let mut sockets = Sockets::new(&fleet);
    let buyer = Buyer::register(&fleet).await;
    let tickets = join_all((0..14).map(|_| buyer.api.socket_ticket())).await;
    for (number, ticket) in tickets.iter().enumerate() {
        sockets.begin(&number.to_string(), Some(ticket));
    }
    let mut inside = Vec::new();
    for number in 0..14 {
        match sockets.status(&number.to_string()) {
            101 => inside.push(number.to_string()),
            status => assert_eq!(status, REFUSED),
        }
    }
    assert_eq!(inside.len(), 10);
    sockets.close(&inside[3]);
    eventually("a place is free again", Duration::from_secs(30), async || {
        let ticket = buyer.api.socket_ticket().await;
        let name = format!("again {}", &ticket[..8]);
        sockets.begin(&name, Some(&ticket));
        (sockets.status(&name) == 101).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_logs_out_hears_nothing_more() {
    let fleet = Fleet::running();
    let mut sockets = Sockets::new(&fleet);
    let event = Organizer::demo(&fleet).await.event("Log out").await;
    let ticket = event.sell(TERMS).await;
    let buyer = Buyer::register(&fleet).await;
    let order = order(&buyer, ticket, 1).await;
    open_page(&buyer, &order).await;
    sockets.open("buyer", Some(&buyer.api.socket_ticket().await));
    let topic = format!("order:{order}");
    assert_eq!(sockets.subscribe("buyer", &topic)["type"], "subscribed");
    buyer.api.post("/auth/logout", &json!({})).await.data(200);
    fleet.midtrans().pay(&order, "gopay").await;
    // The connection ends instead of telling anything.
    let happening = sockets.hear_or_end("buyer");
    assert_eq!(happening, None, "it was told something");
}

#[tokio::test]
async fn a_crowd_hears_of_many_sales_in_few_messages_and_at_last_the_truth() {
    const WATCHERS: usize = 50;
    const SALES: i64 = 200;
    let fleet = Fleet::running();
    let mut sockets = Sockets::new(&fleet);
    let event = Organizer::demo(&fleet).await.event("Crowd").await;
    let ticket = event.sell(TERMS).await;
    let topic = format!("event:{}", event.id);
    let names: Vec<String> = (0..WATCHERS).map(|number| format!("w{number}")).collect();
    for name in &names {
        sockets.open(name, None);
    }
    for name in &names {
        let answer = sockets.subscribe(name, &topic);
        assert_eq!(answer["type"], "subscribed", "{answer}");
    }
    let buyers = Buyer::crowd(&fleet, usize::try_from(SALES).unwrap()).await;
    let begun = Instant::now();
    for some in buyers.chunks(8) {
        let wish = json!({"ticketId": ticket, "quantity": 1});
        join_all(some.iter().map(async |buyer: &Buyer| {
            buyer.api.post("/cart", &wish).await.data(201);
        }))
        .await;
    }
    let selling = begun.elapsed();
    let mut messages = 0;
    for name in &names {
        let mut version = 0;
        loop {
            let update = sockets.hear(name);
            messages += 1;
            let newer = update["state"]["version"].as_i64().unwrap();
            assert!(newer > version, "versions grow");
            version = newer;
            if left(&update["state"], ticket) == TERMS.quantity - SALES {
                break;
            }
        }
    }
    let told = begun.elapsed();
    let per_watcher = messages as f64 / WATCHERS as f64;
    println!(
        "{SALES} sales in {selling:?}; {messages} messages, {per_watcher:.1} for each watcher, the last after {told:?}"
    );
    assert!(
        per_watcher <= told.as_secs_f64() + 2.0,
        "more than one message a second: {per_watcher} in {told:?}"
    );
    // Nobody is told anything while nothing changes.
    assert_eq!(sockets.hear_within(&names[0], Duration::from_secs(6)), None);
}

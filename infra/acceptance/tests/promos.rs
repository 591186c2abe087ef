//! Promo codes on the running fleet: made by an organizer, shown in the cart, charged by the gateway, given back by the janitor.

use acceptance::{Buyer, Fleet, Organizer, TicketTerms, eventually, unique};
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(120);

/// A name that no other code has.
fn name() -> String {
    let unique: String = unique().chars().filter(char::is_ascii_alphanumeric).collect();
    let start = unique.len().saturating_sub(16);
    format!("P{}", &unique[start..]).to_uppercase()
}

async fn make(organizer: &Organizer, terms: Value) -> Value {
    let mut body =
        json!({"code": name(), "validFrom": "2020-01-01T00:00:00Z", "validTo": "2099-01-01T00:00:00Z"});
    for (key, value) in terms.as_object().unwrap() {
        body[key] = value.clone();
    }
    organizer.api.post("/promos", &body).await.data(201)
}

#[tokio::test]
async fn a_ticket_is_bought_with_a_code_for_the_price_that_was_shown() {
    let fleet = Fleet::running();
    let organizer = Organizer::demo(&fleet).await;
    let event = organizer.event("Promo").await;
    let terms = json!({"serviceFee": 2_500, "taxRate": 1_100});
    organizer
        .api
        .patch(&format!("/events/{}", event.id), &terms)
        .await
        .data(200);
    let ticket = event
        .sell(TicketTerms {
            price: 150_000,
            quantity: 10,
        })
        .await;
    let promo = make(
        &organizer,
        json!({"discount": 12.5, "eventIds": [event.id], "totalLimit": 1}),
    )
    .await;
    let code = promo["code"].as_str().unwrap();
    let buyer = Buyer::register(&fleet).await;
    let valid = buyer
        .api
        .get(&format!("/promos/validate/{}", code.to_lowercase()))
        .await
        .data(200);
    assert_eq!(valid["discount"], 12.5);

    let wish = json!({"ticketId": ticket, "quantity": 3});
    buyer.api.post("/cart", &wish).await.data(201);
    let shown = buyer.api.get(&format!("/cart?promoCode={code}")).await.data(200)["price"].clone();
    assert_eq!(
        (&shown["discount"], &shown["total"]),
        (&json!(56_250), &json!(445_388))
    );
    let order = buyer
        .api
        .post("/cart/checkout", &json!({"promoCode": code}))
        .await
        .data(200);
    assert_eq!(order["total"], shown["total"]);
    let order = order["orderId"].as_str().unwrap();
    let body = json!({"orderId": order});
    let payment = buyer.api.post("/payments/initialize", &body).await.data(201);
    assert_eq!(payment["payment"]["amount"], 445_388);

    fleet.midtrans().pay(order, "gopay").await;
    let db = fleet.database().await;
    eventually("the tickets are there", PATIENCE, async || {
        (db.tickets(order).await == 3).then_some(())
    })
    .await;
    let list = organizer.api.get("/promos?limit=100").await.data(200);
    let listed = list["promoCodes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|listed| listed["id"] == promo["id"])
        .unwrap();
    assert_eq!(listed["redeemed"], 1);
    let used_up = buyer.api.get(&format!("/promos/validate/{code}")).await;
    assert_eq!(used_up.error(409), "promo_used_up");
}

#[tokio::test]
async fn a_redemption_comes_back_when_nobody_pays() {
    let fleet = Fleet::running();
    let organizer = Organizer::demo(&fleet).await;
    let ticket = organizer
        .event("Promo")
        .await
        .sell(TicketTerms {
            price: 100_000,
            quantity: 10,
        })
        .await;
    let promo = make(
        &organizer,
        json!({"amount": 25_000, "ticketIds": [ticket], "totalLimit": 1}),
    )
    .await;
    let code = promo["code"].as_str().unwrap();
    let (first, second) = (Buyer::register(&fleet).await, Buyer::register(&fleet).await);
    let buy = async |buyer: &Buyer| {
        let body = json!({"ticketId": ticket, "quantity": 1, "promoCode": code});
        buyer.api.post("/payments/initialize", &body).await
    };
    let opened = buy(&first).await.data(201);
    assert_eq!(opened["payment"]["amount"], 75_000);
    assert_eq!(buy(&second).await.error(409), "promo_used_up");
    let order = opened["payment"]["orderId"].as_str().unwrap();
    let db = fleet.database().await;
    db.let_expire(order).await;
    eventually("the order has ended", PATIENCE, async || {
        (db.order(order).await == "expired").then_some(())
    })
    .await;
    assert_eq!(buy(&second).await.data(201)["payment"]["amount"], 75_000);
}

#[tokio::test]
async fn a_free_order_by_a_generated_code_needs_no_payment() {
    let fleet = Fleet::running();
    let organizer = Organizer::demo(&fleet).await;
    let event = organizer.event("Promo").await;
    let ticket = event
        .sell(TicketTerms {
            price: 100_000,
            quantity: 10,
        })
        .await;
    let campaign = json!({"name": "Guests of honour", "startsAt": "2020-01-01", "endsAt": "2099-01-01"});
    let campaign = organizer.api.post("/promos/campaigns", &campaign).await.data(201);
    let path = format!("/promos/campaigns/{}", campaign["id"]);
    let terms = json!({"count": 2, "prefix": "GUEST", "discount": 100, "eventIds": [event.id]});
    let made = organizer
        .api
        .post(&format!("{path}/codes"), &terms)
        .await
        .data(201);
    let buyer = Buyer::register(&fleet).await;
    let body = json!({"ticketId": ticket, "quantity": 2, "promoCode": made["codes"][0]});
    let bought = buyer.api.post("/payments/initialize", &body).await.data(201);
    assert_eq!(
        (&bought["payment"]["status"], &bought["redirectUrl"]),
        (&json!("success"), &Value::Null)
    );
    assert_eq!(buyer.tickets().await.len(), 2);
    let results = organizer.api.get(&path).await.data(200)["results"].clone();
    let wanted = json!({"codes": 2, "codesUsed": 1, "orders": 1, "paidOrders": 1, "redemptions": 1, "discount": 200_000,
                        "revenue": 0, "conversion": 1.0});
    assert_eq!(results, wanted);
}

//! A program that hammers the cart is told to wait; nobody else is.

use acceptance::{Buyer, Fleet, Organizer, TicketTerms};
use futures_util::future::join_all;
use serde_json::json;

#[tokio::test]
async fn a_program_is_told_to_wait_and_nobody_else_is() {
    let fleet = Fleet::running();
    let event = Organizer::demo(&fleet).await.event("Limits").await;
    let terms = TicketTerms {
        price: 75_000,
        quantity: 20,
    };
    let ticket = event.sell(terms).await;
    let (program, person) = (Buyer::register(&fleet).await, Buyer::register(&fleet).await);
    // The count begins anew with each minute, and one may begin meanwhile.
    let mut refused = None;
    for _ in 0..60 {
        let change = json!({"quantity": 1});
        let crowd = (0..10).map(|_| program.api.patch("/cart/1", &change));
        refused = join_all(crowd)
            .await
            .into_iter()
            .find(|reply| reply.status != 404);
        if refused.is_some() {
            break;
        }
    }
    let refused = refused.expect("600 changes in a minute are no person's");
    assert_eq!(refused.error(429), "rate_limited");
    let wait: u32 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(refused.header("ratelimit-remaining"), "0");
    assert_eq!(refused.header("ratelimit-policy"), "240;w=60");
    // Reading is free, and others are others, whatever address they share.
    program.api.get("/cart").await.data(200);
    let item = json!({"ticketId": ticket, "quantity": 1});
    let added = person.api.post("/cart", &item).await;
    added.data(201);
    assert_ne!(added.header("ratelimit-remaining"), "0");
}

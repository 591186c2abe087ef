//! Buying with a mail address alone, and taking the purchase into an account later.

use acceptance::{Buyer, Fleet, Organizer, TicketTerms, eventually, unique};
use serde_json::json;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_guest_buys_and_an_account_claims_it_later() {
    let fleet = Fleet::running();
    let event = Organizer::demo(&fleet).await.event("For guests").await;
    let terms = TicketTerms {
        price: 75_000,
        quantity: 10,
    };
    let ticket = event.sell(terms).await;
    let email = format!("guest-{}@acceptance.example", unique());

    let guest = Buyer::guest(&fleet, &email).await;
    let order = guest.order_to_pay(ticket, 2).await;
    fleet.midtrans().pay(&order, "gopay").await;
    let tickets = eventually("the guest has tickets", PATIENCE, async || {
        Some(guest.tickets().await).filter(|tickets| tickets.len() == 2)
    })
    .await;
    fleet.mail(&email, &event.name).await;

    // Somebody else who types the same address gets to see nothing.
    let other = Buyer::guest(&fleet, &email).await;
    assert_ne!(other.id, guest.id);
    assert!(other.tickets().await.is_empty());
    let unpaid = other.order(ticket, 1).await;

    let account = Buyer::register_as(&fleet, &email).await;
    assert!(account.tickets().await.is_empty(), "nothing comes over by itself");
    let claimed = account.api.post("/users/me/claims", &json!({})).await.data(200);
    assert_eq!(claimed, json!({"orders": 2, "tickets": 2}));
    let codes = |tickets: &[serde_json::Value]| -> Vec<_> {
        let mut codes: Vec<_> = tickets
            .iter()
            .map(|ticket| ticket["code"].clone().to_string())
            .collect();
        codes.sort();
        codes
    };
    assert_eq!(codes(&account.tickets().await), codes(&tickets));
    account.open_payment(&unpaid).await;
    let again = account.api.post("/users/me/claims", &json!({})).await.data(200);
    assert_eq!(again, json!({"orders": 0, "tickets": 0}));

    // The guests are gone; a token may be trusted for ten seconds more.
    eventually("the guest's token is refused", PATIENCE, async || {
        (guest.api.get("/users/me").await.status == 401).then_some(())
    })
    .await;
    let invariants = fleet.database().await;
    let left = invariants
        .number(
            "select count(*) from users where lower(email) = lower($1) and is_guest",
            &[&email],
        )
        .await;
    assert_eq!(left, 0);
}

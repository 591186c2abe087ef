//! What admins do to accounts, and what the people behind them notice.

use acceptance::{Buyer, Fleet, Organizer, PASSWORD, Stock, TicketTerms, eventually, unique};
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// The one account of the admins' list with this address.
async fn listed(admin: &Organizer, email: &str) -> Value {
    let path = format!("/users?search={email}");
    let reply = admin.api.get(&path).await;
    assert_eq!(reply.message(), "Users retrieved successfully");
    let data = reply.data(200);
    assert_eq!(
        data["metadata"],
        json!({"total": 1, "totalPages": 1, "currentPage": 1, "limit": 10})
    );
    data["users"][0].clone()
}

#[tokio::test]
async fn a_deleted_buyer_is_gone_but_the_ticket_and_the_money_are_not() {
    let fleet = Fleet::running();
    let admin = Organizer::with_role(&fleet, "admin").await;
    let organizer = Organizer::demo(&fleet).await;
    let terms = TicketTerms {
        price: 75_000,
        quantity: 10,
    };
    let event = organizer.event("Deleted").await;
    let ticket = event.sell(terms).await;
    let buyer = Buyer::register(&fleet).await;
    let order = buyer.order_to_pay(ticket, 2).await;
    fleet.midtrans().pay(&order, "gopay").await;
    let issued = eventually("the tickets", PATIENCE, async || {
        let tickets = buyer.tickets().await;
        (tickets.len() == 2).then_some(tickets)
    })
    .await;
    let item = json!({"ticketId": ticket, "quantity": 3});
    buyer.api.post("/cart", &item).await.data(201);
    assert_eq!(listed(&admin, &buyer.email).await["id"], buyer.id);

    let path = format!("/users/{}", buyer.id);
    assert_eq!(buyer.api.delete(&path).await.error(403), "forbidden");
    let own = format!("/users/{}", admin.id);
    assert_eq!(admin.api.delete(&own).await.error(409), "own_account");
    let has_events = format!("/users/{}", organizer.id);
    assert_eq!(admin.api.delete(&has_events).await.error(409), "has_events");
    let reply = admin.api.delete(&path).await;
    assert_eq!(reply.message(), "User deleted successfully");
    assert_eq!(reply.data(200), Value::Null);
    assert_eq!(admin.api.delete(&path).await.error(404), "not_found");

    let credentials = json!({"email": buyer.email, "password": PASSWORD});
    let login = fleet.stranger().post("/auth/login", &credentials).await;
    assert_eq!(login.error(401), "unauthenticated");
    eventually("the session ends", PATIENCE, async || {
        let reply = buyer.api.get("/users/me").await;
        (reply.status == 401).then_some(())
    })
    .await;
    assert_eq!(buyer.api.post("/cart", &item).await.error(401), "unauthenticated");
    let path = format!("/users?search={}", buyer.email);
    assert_eq!(admin.api.get(&path).await.data(200)["metadata"]["total"], 0);

    // The cart went back on sale; what was paid is as it was, and opens the gate under another name.
    let database = fleet.database().await;
    let sold = Stock {
        capacity: 10,
        held: 0,
        sold: 2,
    };
    assert_eq!(database.stock(ticket).await, sold);
    assert_eq!(database.payment(&order).await.as_deref(), Some("success"));
    let scan = json!({"token": issued[0]["token"]});
    let shown = organizer.api.post("/tickets/verify", &scan).await.data(200);
    assert_eq!(shown["valid"], true, "{shown}");
    assert!(shown.to_string().contains("Deleted user"), "{shown}");
    assert!(!shown.to_string().contains("Ayu Lestari"), "{shown}");

    // Nobody owns the address any more.
    let again = json!({
        "email": buyer.email, "password": PASSWORD, "name": "Ayu Lestari", "age": 27, "phoneNumber": "081234567890",
    });
    let user = fleet.stranger().post("/auth/register", &again).await.data(201)["user"].clone();
    assert_ne!(user["id"], buyer.id);
}

#[tokio::test]
async fn a_buyer_becomes_an_organizer_and_chooses_another_password() {
    let fleet = Fleet::running();
    let admin = Organizer::with_role(&fleet, "admin").await;
    let account = Buyer::register(&fleet).await;
    let event = json!({
        "name": format!("Promoted {}", unique()), "date": "2031-05-04T12:00:00.000Z", "location": "Jakarta",
    });
    assert_eq!(account.api.post("/events", &event).await.error(403), "forbidden");

    let role = format!("/users/{}/role", account.id);
    let body = json!({"role": "organizer"});
    assert_eq!(account.api.patch(&role, &body).await.error(403), "forbidden");
    let reply = admin.api.patch(&role, &body).await;
    assert_eq!(reply.message(), "Role updated successfully");
    assert_eq!(reply.data(200)["role"], "organizer");
    eventually("the token with the old role dies", PATIENCE, async || {
        let reply = account.api.get("/users/me").await;
        (reply.status == 401).then_some(())
    })
    .await;

    let account = Buyer::log_in(&fleet, &account.email, PASSWORD).await;
    let new = format!("another {}", unique());
    let wrong = json!({"currentPassword": "not this one", "newPassword": new});
    let refused = account.api.post("/users/me/password", &wrong).await;
    assert_eq!(refused.error(400), "wrong_password");
    assert_eq!(refused.message(), "Current password is wrong");
    let right = json!({"currentPassword": PASSWORD, "newPassword": new});
    let changed = account.api.post("/users/me/password", &right).await;
    assert_eq!(changed.message(), "Password updated successfully");
    assert_eq!(changed.data(200), Value::Null);

    let old = json!({"email": account.email, "password": PASSWORD});
    let login = fleet.stranger().post("/auth/login", &old).await;
    assert_eq!(login.error(401), "unauthenticated");
    let organizer = Buyer::log_in(&fleet, &account.email, &new).await;
    organizer.api.post("/events", &event).await.data(201);
    let path = format!("/users/{}", account.id);
    assert_eq!(admin.api.delete(&path).await.error(409), "has_events");
}

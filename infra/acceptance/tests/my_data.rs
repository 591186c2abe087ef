//! What people do with their own account: say what they want to hear and end it with one click, take their data with them, and
//! leave for good. And a request that is sent again.

use acceptance::{Buyer, Fleet, Organizer, PASSWORD, Reply, TicketTerms, eventually};
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
const TERMS: TicketTerms = TicketTerms {
    price: 75_000,
    quantity: 20,
};

async fn wishes(buyer: &Buyer) -> Value {
    buyer.api.get("/users/me/preferences").await.data(200)
}

#[tokio::test]
async fn wishes_are_kept_and_one_click_ends_promotions() {
    let fleet = Fleet::running();
    let buyer = Buyer::register(&fleet).await;
    assert_eq!(wishes(&buyer).await["mailPromotions"], false);
    let category = buyer.api.get("/categories?limit=1").await.data(200)["categories"][0]["id"].clone();
    let wish = json!({"language": "en", "mailPromotions": true, "followedCategories": [category]});
    let wished = buyer.api.patch("/users/me/preferences", &wish).await.data(200);
    assert_eq!(wished, wishes(&buyer).await);
    let refused = json!({"mailTransactional": false});
    let refused = buyer.api.patch("/users/me/preferences", &refused).await;
    assert_eq!(refused.error(400), "invalid_input");

    // A program that looks through mails opens the link; a mail service posts to it.
    let link = wished["unsubscribeUrl"].as_str().unwrap();
    let stranger = fleet.stranger();
    let page = stranger.get(link).await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html") && page.text().contains("<form"));
    assert_eq!(wishes(&buyer).await["mailPromotions"], true);
    let click = stranger
        .request("POST", link)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("List-Unsubscribe=One-Click");
    assert_eq!(Reply::of(click).await.status, 200);
    let left = wishes(&buyer).await;
    assert_eq!(
        (
            &left["mailPromotions"],
            &left["language"],
            &left["followedCategories"]
        ),
        (&json!(false), &json!("en"), &json!([category]))
    );
    // The link is no key: neither to the account, nor to another one.
    let token = link.split_once("token=").unwrap().1;
    assert_eq!(
        fleet.bearer(token).get("/users/me").await.error(401),
        "unauthenticated"
    );
    let signature = token.split_once('.').unwrap().1;
    let forged = link.replace(token, &format!("{}.{signature}", buyer.id + 1));
    let forged = Reply::of(stranger.request("POST", &forged)).await;
    assert_eq!(forged.error(400), "invalid_token");
}

#[tokio::test]
async fn mails_come_in_the_language_that_was_chosen() {
    let fleet = Fleet::running();
    let event = Organizer::demo(&fleet).await.event("Language").await;
    let ticket = event.sell(TERMS).await;
    let buyer = Buyer::register(&fleet).await;
    for (language, hello) in [("en", "Hello"), ("id", "Halo")] {
        let wish = json!({"language": language});
        buyer.api.patch("/users/me/preferences", &wish).await.data(200);
        let order = buyer.order(ticket, 1).await;
        let mail = eventually("the mail about the order", PATIENCE, async || {
            let mails = fleet.mails(&buyer.email).await;
            mails.into_iter().find(|mail| mail.text.contains(&order))
        })
        .await;
        assert!(mail.text.contains(hello), "{}", mail.text);
    }
}

#[tokio::test]
async fn people_take_their_data_with_them_and_leave_for_good() {
    let fleet = Fleet::running();
    let event = Organizer::demo(&fleet).await.event("Leaving").await;
    let ticket = event.sell(TERMS).await;
    let buyer = Buyer::register(&fleet).await;
    let order = buyer.order_to_pay(ticket, 2).await;
    fleet.midtrans().pay(&order, "gopay").await;
    eventually("the tickets", PATIENCE, async || {
        (buyer.tickets().await.len() == 2).then_some(())
    })
    .await;
    let item = json!({"ticketId": ticket, "quantity": 3});
    buyer.api.post("/cart", &item).await.data(201);

    let exported = buyer.api.get("/users/me/export").await;
    let stored = exported.data(200)["stored"].clone();
    assert_eq!(stored["users"][0]["email"], buyer.email);
    assert_eq!(stored["orders"][0]["code"], order);
    assert_eq!(stored["payments"][0]["status"], "success");
    assert_eq!(stored["cartItems"][0]["quantity"], 3);
    assert_eq!(stored["issuedTickets"].as_array().unwrap().len(), 2);
    for secret in ["$argon2", "tokenHash", "passwordHash", "transactionToken"] {
        assert!(!exported.text().contains(secret), "{secret}");
    }

    let erase = async |password: &str| {
        let request = buyer.api.request("DELETE", "/users/me");
        Reply::of(request.json(&json!({"password": password}))).await
    };
    assert_eq!(erase("not the password").await.error(400), "wrong_password");
    assert_eq!(erase(PASSWORD).await.data(200), Value::Null);
    let credentials = json!({"email": buyer.email, "password": PASSWORD});
    let login = fleet.stranger().post("/auth/login", &credentials).await;
    assert_eq!(login.error(401), "unauthenticated");

    let database = fleet.database().await;
    let found = database
        .number(
            "select count(*) from users where email = $1 or id = $2 and (name <> 'Deleted user' or phone_number <> '-')",
            &[&buyer.email, &buyer.id],
        )
        .await;
    assert_eq!(found, 0);
    let answers = "select count(*) from idempotency_keys where user_id = $1";
    assert_eq!(database.number(answers, &[&buyer.id]).await, 0);
    // The money and the tickets are there, the cart went back on sale.
    assert_eq!(database.order(&order).await, "paid");
    assert_eq!(database.tickets(&order).await, 2);
    let stock = database.stock(ticket).await;
    assert_eq!((stock.held, stock.sold), (0, 2));
}

#[tokio::test]
async fn a_request_that_is_sent_again_adds_once() {
    let fleet = Fleet::running();
    let event = Organizer::demo(&fleet).await.event("Again").await;
    let ticket = event.sell(TERMS).await;
    let buyer = Buyer::register(&fleet).await;
    let item = json!({"ticketId": ticket, "quantity": 2});
    let first = buyer.api.post_once("/cart", "k", &item).await;
    let again = buyer.api.post_once("/cart", "k", &item).await;
    assert_eq!((first.status, &first.bytes), (201, &again.bytes));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(fleet.database().await.stock(ticket).await.held, 2);
    for name in ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"] {
        assert!(first.header(name).parse::<u32>().is_ok(), "{name}");
    }
}

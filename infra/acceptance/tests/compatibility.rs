//! What existing clients rely on. They were written for an earlier backend, so shapes, texts and headers are promises.

use acceptance::{Buyer, Event, Fleet, Organizer, PASSWORD, Reply, TicketTerms, unique};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

const EVENT: [&str; 8] = [
    "id",
    "name",
    "description",
    "date",
    "location",
    "imageUrl",
    "createdAt",
    "updatedAt",
];
const TICKET: [&str; 11] = [
    "id",
    "name",
    "price",
    "quantity",
    "userId",
    "eventId",
    "categoryId",
    "imageUrl",
    "artist",
    "createdAt",
    "updatedAt",
];
const CATEGORY: [&str; 4] = ["id", "name", "createdAt", "updatedAt"];
const USER: [&str; 10] = [
    "id",
    "email",
    "name",
    "age",
    "phoneNumber",
    "role",
    "isVerified",
    "createdAt",
    "updatedAt",
    "authId",
];
const PAYMENT: [&str; 10] = [
    "id",
    "orderId",
    "userId",
    "ticketId",
    "amount",
    "originalAmount",
    "discount",
    "status",
    "paymentDate",
    "user",
];

fn keys(value: &Value) -> Vec<&str> {
    let object = value
        .as_object()
        .unwrap_or_else(|| panic!("not an object: {value}"));
    object.keys().map(String::as_str).collect()
}

/// Older keys stand in their old order; newer ones may follow.
#[track_caller]
fn begins_with(value: &Value, known: &[&str]) {
    let found = keys(value);
    assert_eq!(found.get(..known.len()), Some(known), "{value}");
}

async fn event_on_sale(fleet: &Fleet) -> (Event, i64) {
    let event = Organizer::demo(fleet).await.event("Contract").await;
    let terms = TicketTerms {
        price: 100_000,
        quantity: 20,
    };
    let ticket = event.sell(terms).await;
    (event, ticket)
}

/// `2030-01-01T00:00:00.000Z`, to the letter.
#[track_caller]
fn is_date(value: &Value) {
    let text = value.as_str().unwrap_or_else(|| panic!("not a date: {value}"));
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{text}");
}

#[tokio::test]
async fn success_has_status_message_and_data_in_this_order() {
    let fleet = Fleet::running();
    let stranger = fleet.stranger();
    for path in ["/events", "/categories", "/tickets"] {
        let reply = stranger.get(path).await;
        assert_eq!(keys(&reply.json()), ["status", "message", "data"], "{path}");
        assert_eq!(
            (reply.status, reply.message().as_str()),
            (200, "Success"),
            "{path}"
        );
        assert_eq!(
            reply.header("content-type"),
            "application/json; charset=utf-8",
            "{path}"
        );
    }
    let admin = Organizer::with_role(&fleet, "admin").await;
    let made = admin
        .api
        .post("/categories", &json!({"name": format!("Gone {}", unique())}))
        .await;
    assert_eq!(made.message(), "Category created successfully");
    let id = made.data(201)["id"].clone();
    let gone = admin.api.delete(&format!("/categories/{id}")).await;
    assert_eq!(
        gone.json(),
        json!({"status": "success", "message": "Category deleted successfully", "data": null})
    );
}

#[tokio::test]
async fn errors_have_status_and_message_first() {
    let fleet = Fleet::running();
    let reply = fleet.stranger().get("/events/999999999").await;
    assert_eq!(reply.error(404), "not_found");
    assert_eq!(keys(&reply.json()), ["status", "message", "code", "requestId"]);
    assert_eq!(reply.message(), "Event not found");
    assert_eq!(
        reply.header("x-request-id"),
        reply.json()["requestId"].as_str().unwrap()
    );
}

#[tokio::test]
async fn lists_of_events_carry_their_tickets_and_a_meta_block() {
    let fleet = Fleet::running();
    let (event, ticket) = event_on_sale(&fleet).await;
    let data = fleet.stranger().get("/events?page=1&limit=6").await.data(200);
    assert_eq!(keys(&data), ["events", "meta"]);
    begins_with(&data["meta"], &["page", "limit", "total", "totalPages"]);
    let (total, pages) = (
        data["meta"]["total"].as_i64().unwrap(),
        data["meta"]["totalPages"].as_i64().unwrap(),
    );
    assert_eq!((&data["meta"]["limit"], pages), (&json!(6), (total + 5) / 6));

    let detail = fleet
        .stranger()
        .get(&format!("/events/{}", event.id))
        .await
        .data(200);
    for event in data["events"].as_array().unwrap().iter().chain([&detail]) {
        begins_with(event, &EVENT);
        assert_eq!(keys(event)[EVENT.len()], "tickets");
        for ticket in event["tickets"].as_array().unwrap() {
            begins_with(ticket, &TICKET);
            assert!(ticket.get("event").is_none(), "tickets inside events are bare");
            assert!(
                ticket["price"].is_i64() && ticket["quantity"].is_i64(),
                "{ticket}"
            );
        }
        for date in ["date", "createdAt", "updatedAt"] {
            is_date(&event[date]);
        }
    }
    assert_eq!(detail["tickets"][0]["id"], ticket);
    assert_eq!(
        detail["imageUrl"],
        Value::Null,
        "a key without a value is null, not left out"
    );
}

#[tokio::test]
async fn tickets_outside_of_events_are_full() {
    let fleet = Fleet::running();
    let (event, ticket) = event_on_sale(&fleet).await;
    let stranger = fleet.stranger();
    let one = stranger.get(&format!("/tickets/{ticket}")).await.data(200);
    let list = stranger
        .get(&format!("/tickets?eventId={}", event.id))
        .await
        .data(200);
    assert_eq!(keys(&list), ["tickets", "meta"]);
    let of_event = stranger
        .get(&format!("/tickets/event/{}", event.id))
        .await
        .data(200);
    let of_category = stranger
        .get(&format!("/tickets/category/{}", one["categoryId"]))
        .await
        .data(200);
    assert!(
        of_event.is_array() && of_category.is_array(),
        "these two lists are bare arrays"
    );
    for full in [&one, &list["tickets"][0], &of_event[0]] {
        begins_with(full, &TICKET);
        begins_with(&full["event"], &EVENT);
        assert!(full["event"].get("tickets").is_none());
        assert_eq!(keys(&full["category"]), CATEGORY);
        assert_eq!(full["id"], ticket);
    }
}

#[tokio::test]
async fn a_login_gives_user_and_token_and_the_token_says_who_it_is() {
    let fleet = Fleet::running();
    let buyer = Buyer::register(&fleet).await;
    let login = json!({"email": buyer.email.to_uppercase(), "password": PASSWORD});
    let reply = fleet.stranger().post("/auth/login", &login).await;
    assert_eq!(reply.message(), "Login successful");
    let data = reply.data(200);
    assert_eq!(keys(&data), ["user", "token", "expiresIn", "refreshToken"]);
    begins_with(&data["user"], &USER);
    assert_eq!(data["user"]["authId"], Value::Null);
    assert_eq!(
        reply.header("set-cookie"),
        "",
        "clients keep the token themselves"
    );

    let token = data["token"].as_str().unwrap();
    let parts: Vec<Value> = token
        .split('.')
        .take(2)
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();
    assert_eq!(parts[0], json!({"typ": "JWT", "alg": "HS256"}));
    let claims = &parts[1];
    for (name, expected) in [
        ("id", json!(buyer.id)),
        ("email", json!(buyer.email)),
        ("role", json!("user")),
        ("sub", json!(buyer.id.to_string())),
        ("name", json!("Ayu Lestari")),
    ] {
        assert_eq!(claims[name], expected, "{claims}");
    }
    let (iat, exp) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    assert_eq!(exp - iat, 12 * 3_600, "whole seconds, twelve hours");
    assert!(
        claims.get("nbf").is_none(),
        "the web client allows no clock difference"
    );

    // The web client's middleware checks the token with the secret it shares.
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, fleet.secrets().jwt_secret.as_bytes());
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    ring::hmac::verify(&key, signed.as_bytes(), &signature).unwrap();
}

#[tokio::test]
async fn the_token_may_come_in_a_cookie_and_the_header_wins() {
    let fleet = Fleet::running();
    let buyer = Buyer::register(&fleet).await;
    let cookie = format!("theme=dark; token={}", buyer.api.token());
    let cart = |request: reqwest::RequestBuilder| async { Reply::of(request).await };
    let stranger = fleet.stranger();
    let by_cookie = cart(stranger.request("GET", "/cart").header("cookie", &cookie)).await;
    assert_eq!(by_cookie.data(200)["totalItems"], 0);
    let scheme = format!("Token {}", buyer.api.token());
    cart(stranger.request("GET", "/cart").header("authorization", scheme))
        .await
        .data(200);

    let refused = [
        (stranger.request("GET", "/cart"), "No token provided"),
        (
            stranger
                .request("GET", "/cart")
                .header("authorization", buyer.api.token()),
            "No token provided",
        ),
        (
            stranger
                .request("GET", "/cart")
                .header("authorization", "Bearer x.y.z"),
            "Invalid token",
        ),
        (
            stranger
                .request("GET", "/cart")
                .header("authorization", "Bearer bad")
                .header("cookie", &cookie),
            "Invalid token",
        ),
    ];
    for (request, message) in refused {
        let reply = cart(request).await;
        assert_eq!(
            (reply.error(401).as_str(), reply.message().as_str()),
            ("unauthenticated", message)
        );
    }
}

#[tokio::test]
async fn cart_checkout_and_payment_have_the_shapes_clients_read() {
    let fleet = Fleet::running();
    let (_, ticket) = event_on_sale(&fleet).await;
    let buyer = Buyer::register(&fleet).await;
    let added = buyer
        .api
        .post("/cart", &json!({"ticketId": ticket, "quantity": "2"}))
        .await;
    assert_eq!(added.message(), "Item added to cart successfully");
    let item = added.data(201);
    begins_with(
        &item,
        &[
            "id",
            "userId",
            "ticketId",
            "quantity",
            "createdAt",
            "updatedAt",
            "ticket",
        ],
    );
    begins_with(&item["ticket"], &TICKET);
    let path = format!("/cart/{}", item["id"]);
    let changed = buyer.api.patch(&path, &json!({"quantity": 3})).await;
    assert_eq!(
        (changed.message().as_str(), &changed.data(200)["quantity"]),
        ("Cart updated successfully", &json!(3))
    );
    begins_with(
        &buyer.api.get("/cart").await.data(200),
        &["items", "total", "totalItems"],
    );

    let checkout = buyer.api.post("/cart/checkout", &json!({})).await;
    assert_eq!(checkout.message(), "Checkout initialized successfully");
    let order = checkout.data(200);
    begins_with(&order, &["userId", "items", "total", "status"]);
    let line = &order["items"][0];
    begins_with(line, &["ticketId", "quantity", "price", "subtotal"]);
    assert_eq!(
        [
            &line["ticketId"],
            &line["quantity"],
            &line["price"],
            &line["subtotal"]
        ],
        [&json!(ticket), &json!(3), &json!(100_000), &json!(300_000)]
    );

    let opened = buyer
        .api
        .post("/payments/initialize", &json!({"orderId": order["orderId"]}))
        .await;
    assert_eq!(opened.message(), "Payment initialized successfully");
    let data = opened.data(201);
    assert_eq!(keys(&data), ["payment", "transactionToken", "redirectUrl"]);
    let history = buyer.api.get("/payments/history").await.data(200);
    assert_eq!(keys(&history), ["payments", "meta"]);
    for payment in [&data["payment"], &history["payments"][0]] {
        begins_with(payment, &PAYMENT);
        assert_eq!(keys(&payment["user"]), ["id", "name", "email"]);
        begins_with(&payment["ticket"], &TICKET);
        is_date(&payment["paymentDate"]);
    }
    let cart = buyer
        .api
        .post("/cart", &json!({"ticketId": ticket, "quantity": 1}))
        .await
        .data(201);
    let removed = buyer.api.delete(&format!("/cart/{}", cart["id"])).await;
    assert_eq!(removed.message(), "Item removed from cart successfully");
    let empty = buyer.api.post("/cart/checkout", &json!({})).await;
    assert_eq!((empty.status, empty.message().as_str()), (400, "Cart is empty"));
}

#[tokio::test]
async fn a_profile_can_be_read_and_changed_by_its_owner() {
    let fleet = Fleet::running();
    let buyer = Buyer::register(&fleet).await;
    let path = format!("/users/{}", buyer.id);
    begins_with(&buyer.api.get(&path).await.data(200), &USER);
    let reply = buyer
        .api
        .patch(&path, &json!({"name": "Ayu Putri", "age": 28}))
        .await;
    assert_eq!(reply.message(), "User updated successfully");
    assert_eq!(
        (&reply.data(200)["name"], &reply.data(200)["age"]),
        (&json!("Ayu Putri"), &json!(28))
    );
    let other = Buyer::register(&fleet).await;
    let refused = other.api.patch(&path, &json!({"name": "Mallory"})).await;
    assert_eq!(
        (refused.status, refused.message().as_str()),
        (403, "Unauthorized - Can only update own profile")
    );
    let empty = buyer.api.patch(&path, &json!({})).await;
    assert_eq!(
        (empty.status, empty.message().as_str()),
        (400, "At least one field must be provided for update")
    );
}

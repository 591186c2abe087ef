//! Broken and hostile requests over the real gateway: each gets a 4xx with the envelope, and changes nothing.

use acceptance::{Api, Buyer, Fleet, Organizer, Reply, TicketTerms, unique};
use serde_json::{Value, json};

async fn send(api: &Api, method: &str, path: &str, body: impl Into<reqwest::Body>) -> Reply {
    let request = api
        .request(method, path)
        .header("content-type", "application/json");
    Reply::of(request.body(body)).await
}

async fn on_sale(fleet: &Fleet, quantity: i64) -> i64 {
    let event = Organizer::demo(fleet).await.event("Bad input").await;
    let terms = TicketTerms {
        price: 50_000,
        quantity,
    };
    event.sell(terms).await
}

/// The fields that an answer refuses.
fn refused(reply: &Reply) -> Vec<String> {
    let json = reply.json();
    let details = json["details"].as_array().cloned().unwrap_or_default();
    details
        .iter()
        .map(|detail| {
            assert!(
                detail["message"].as_str().is_some_and(|text| !text.is_empty()),
                "{json}"
            );
            detail["field"].as_str().unwrap().to_owned()
        })
        .collect()
}

#[tokio::test]
async fn what_is_not_json_is_refused_as_such() {
    let fleet = Fleet::running();
    let buyer = Buyer::register(&fleet).await;
    let routes = [
        (fleet.stranger(), "/auth/register"),
        (fleet.stranger(), "/auth/login"),
        (buyer.api.clone(), "/cart"),
        (buyer.api.clone(), "/payments/initialize"),
    ];
    for (api, path) in &routes {
        for body in [
            "{",
            "[]",
            "null",
            "7",
            "\"text\"",
            "{\"a\":1}x",
            "{'a':1}",
            "\u{feff}{}",
        ] {
            let reply = send(api, "POST", path, body).await;
            assert_eq!(reply.error(400), "malformed_json", "{path} {body}");
        }
        let binary = send(api, "POST", path, vec![0xff_u8, 0xfe, 0x00, 0x7b]).await;
        assert_eq!(binary.error(400), "malformed_json", "{path}");
        let form = api.request("POST", path).form(&[("email", "a@b.co")]);
        assert_eq!(
            Reply::of(form).await.error(415),
            "unsupported_media_type",
            "{path}"
        );
    }
}

#[tokio::test]
async fn bodies_that_are_too_large_are_refused() {
    let fleet = Fleet::running();
    let buyer = Buyer::register(&fleet).await;
    let large = json!({"ticketId": 1, "quantity": 1, "padding": "x".repeat(150_000)}).to_string();
    assert_eq!(
        send(&buyer.api, "POST", "/cart", large.clone()).await.error(413),
        "body_too_large"
    );
    assert_eq!(
        send(&fleet.stranger(), "POST", "/auth/login", large.clone())
            .await
            .error(413),
        "body_too_large"
    );
    let notification = send(&fleet.stranger(), "POST", "/payments/notifications", large).await;
    assert_eq!(notification.error(413), "body_too_large");
    let deep = format!("{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000));
    assert_eq!(
        send(&buyer.api, "POST", "/cart", deep).await.error(400),
        "malformed_json"
    );
}

#[tokio::test]
async fn all_wrong_fields_are_named_at_once() {
    let fleet = Fleet::running();
    let body = json!({
        "email": "not a mail address", "password": "short", "name": "", "age": "old", "phoneNumber": 7,
        "isVerified": true,
    });
    let reply = fleet.stranger().post("/auth/register", &body).await;
    assert_eq!(reply.error(400), "invalid_input");
    let fields = refused(&reply);
    assert_eq!(
        fields,
        ["email", "password", "name", "age", "phoneNumber", "isVerified"]
    );
    let message = reply.message();
    for text in ["\"email\" must be a valid email", "\"isVerified\" is not allowed"] {
        assert!(message.contains(text), "{message}");
    }
    let empty = fleet.stranger().post("/auth/register", &json!({})).await;
    assert_eq!(refused(&empty).len(), 5, "{}", empty.text());
}

#[tokio::test]
async fn quantities_and_ids_out_of_any_range_are_refused_and_take_nothing() {
    let fleet = Fleet::running();
    let ticket = on_sale(&fleet, 5).await;
    let buyer = Buyer::register(&fleet).await;
    for quantity in [
        json!(0),
        json!(-1),
        json!(1.5),
        json!("abc"),
        json!(""),
        json!(null),
        json!([1]),
        json!({"$gt": 0}),
        json!(true),
        json!(1e30),
        json!(4_294_967_297_i64),
        json!("1e3"),
        json!("0x10"),
        json!("NaN"),
    ] {
        let reply = buyer
            .api
            .post("/cart", &json!({"ticketId": ticket, "quantity": quantity}))
            .await;
        assert_eq!(reply.error(400), "invalid_input", "{quantity}");
        assert_eq!(refused(&reply), ["quantity"], "{quantity}");
    }
    for id in [
        json!(0),
        json!(-7),
        json!("1 OR 1=1"),
        json!(null),
        json!(1.5),
        json!(9.3e18),
    ] {
        let reply = buyer
            .api
            .post("/cart", &json!({"ticketId": id, "quantity": 1}))
            .await;
        assert!(matches!(reply.status, 400 | 404), "{id}: {}", reply.text());
        reply.error(reply.status);
    }
    let unknown = buyer
        .api
        .post("/cart", &json!({"ticketId": 987_654_321, "quantity": 1}))
        .await;
    assert_eq!(
        (unknown.error(404).as_str(), unknown.message().as_str()),
        ("not_found", "Ticket not found")
    );
    let stock = fleet.database().await.stock(ticket).await;
    assert_eq!((stock.held, stock.sold), (0, 0));
}

#[tokio::test]
async fn more_than_there_is_or_than_one_may_have_is_a_conflict() {
    let fleet = Fleet::running();
    let event = Organizer::demo(&fleet).await.event("Limits").await;
    let terms = TicketTerms {
        price: 50_000,
        quantity: 5,
    };
    let ticket = event
        .sell_under(terms, &json!({"maxPerOrder": 4, "maxPerUser": 4}))
        .await;
    let (first, second) = (Buyer::register(&fleet).await, Buyer::register(&fleet).await);
    let want = |quantity: i64| json!({"ticketId": ticket, "quantity": quantity});
    assert_eq!(
        first.api.post("/cart", &want(5)).await.error(409),
        "limit_reached"
    );
    first.api.post("/cart", &want(4)).await.data(201);
    assert_eq!(
        first.api.post("/cart", &want(1)).await.error(409),
        "limit_reached"
    );
    let held = second.api.post("/cart", &want(2)).await;
    assert_eq!(held.error(409), "held_by_others");
    assert!(
        held.json()["retryAt"].is_string(),
        "when it may come back: {}",
        held.text()
    );
    let order = first.api.post("/cart/checkout", &json!({})).await.data(200);
    first.open_payment(order["orderId"].as_str().unwrap()).await;
    second.api.post("/cart", &want(1)).await.data(201);
    let stock = fleet.database().await.stock(ticket).await;
    assert_eq!((stock.held, stock.sold), (5, 0));
}

#[tokio::test]
async fn repeated_keys_are_not_guessed_at() {
    let fleet = Fleet::running();
    let buyer = Buyer::register(&fleet).await;
    let body = r#"{"ticketId":1,"quantity":1,"quantity":100}"#;
    let reply = send(&buyer.api, "POST", "/cart", body).await;
    assert_eq!(
        (reply.error(400).as_str(), refused(&reply)),
        ("invalid_input", vec!["quantity".to_owned()])
    );
    let query = fleet.stranger().get("/events?page=1&page=2").await;
    assert_eq!(
        (query.error(400).as_str(), refused(&query)),
        ("invalid_input", vec!["page".to_owned()])
    );
}

#[tokio::test]
async fn queries_are_checked_and_wildcards_are_letters() {
    let fleet = Fleet::running();
    let stranger = fleet.stranger();
    for query in [
        "page=0",
        "page=-1",
        "page=abc",
        "limit=0",
        "limit=1.5",
        "startDate=yesterday",
        "category=x",
        "page=99999999999",
    ] {
        for path in ["/events", "/tickets"] {
            if path == "/tickets" && !query.contains("page") && !query.contains("limit") {
                continue;
            }
            let reply = stranger.get(&format!("{path}?{query}")).await;
            assert_eq!(reply.error(400), "invalid_input", "{path} {query}");
        }
    }
    assert_eq!(
        stranger.get("/events?limit=1000000").await.data(200)["meta"]["limit"],
        100
    );
    for search in [
        "%25",
        "%25%25",
        "_",
        "%5C",
        "'%20OR%201=1--",
        "%F0%9F%8E%AB",
        "%22%3Cscript%3E",
    ] {
        let data = stranger.get(&format!("/events?search={search}")).await.data(200);
        for event in data["events"].as_array().unwrap() {
            let text = format!("{}{}", event["name"], event["location"]);
            assert!(
                search == "'%20OR%201=1--" || text.contains(['%', '_', '\\']),
                "{search} found {text}"
            );
        }
    }
    let nul = stranger.get("/events?search=a%00b").await;
    assert!(matches!(nul.status, 200 | 400), "{}", nul.text());
    let broken = stranger.get("/events?search=%FF%FE").await;
    assert!(matches!(broken.status, 200 | 400), "{}", broken.text());
}

#[tokio::test]
async fn paths_with_strange_ids_are_refused_with_the_envelope() {
    let fleet = Fleet::running();
    let buyer = Buyer::register(&fleet).await;
    for id in [
        "abc",
        "0",
        "-1",
        "1.5",
        "99999999999999999999",
        "1%20OR%201=1",
        "%F0%9F%8E%AB",
        "1%2F2",
    ] {
        for path in ["/events", "/tickets", "/categories", "/payments"] {
            let reply = buyer.api.get(&format!("{path}/{id}")).await;
            assert!(
                matches!(reply.status, 400 | 404),
                "{path}/{id}: {} {}",
                reply.status,
                reply.text()
            );
            reply.error(reply.status);
        }
    }
    for path in [
        "/cart/999999999",
        "/tickets/mine/00000000000000000000000000000000",
    ] {
        let reply = match path.starts_with("/cart") {
            true => buyer.api.delete(path).await,
            false => buyer.api.get(path).await,
        };
        assert_eq!(reply.error(404), "not_found", "{path}");
    }
    // A NUL byte at the end is dropped on the way.
    let nul = buyer.api.get("/events/%00").await;
    assert!(nul.status < 500, "{}", nul.text());
    let long = buyer.api.get(&format!("/events/{}", "9".repeat(5_000))).await;
    assert!((400..500).contains(&long.status), "{}", long.status);
}

#[tokio::test]
async fn nobody_becomes_more_than_a_user_by_asking() {
    let fleet = Fleet::running();
    let buyer = Buyer::register(&fleet).await;
    let event = json!({"name": "Mine now", "date": "2031-01-01T00:00:00Z", "location": "Here"});
    assert_eq!(buyer.api.post("/events", &event).await.error(403), "forbidden");
    assert_eq!(
        buyer
            .api
            .post("/categories", &json!({"name": unique()}))
            .await
            .error(403),
        "forbidden"
    );
    assert_eq!(buyer.api.get("/payments").await.error(403), "forbidden");
    let path = format!("/users/{}", buyer.id);
    for key in ["role", "isVerified", "email", "id", "password"] {
        let reply = buyer
            .api
            .patch(&path, &json!({"name": "Ayu", key: "admin"}))
            .await;
        assert_eq!(reply.status, 400, "{key}: {}", reply.text());
    }
    let me = buyer.api.get("/users/me").await.data(200);
    assert_eq!((&me["role"], &me["email"]), (&json!("user"), &json!(buyer.email)));
}

#[tokio::test]
async fn tokens_of_others_do_not_open_anything() {
    let fleet = Fleet::running();
    let buyer = Buyer::register(&fleet).await;
    let token = buyer.api.token();
    let (head, signature) = token.rsplit_once('.').unwrap();
    let mut flipped = token.to_owned();
    flipped.pop();
    for bad in [
        format!("{head}."),
        head.to_owned(),
        flipped,
        format!(
            "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.",
            head.split_once('.').unwrap().1
        ),
        format!("{head}.{}", signature.chars().rev().collect::<String>()),
        "null".to_owned(),
        "a".repeat(6_000),
    ] {
        for path in ["/cart", "/payments/history", "/tickets/mine", "/users/me"] {
            let reply = fleet.bearer(&bad).get(path).await;
            assert_eq!(reply.error(401), "unauthenticated", "{path} {bad}");
        }
    }
}

#[tokio::test]
async fn idempotency_keys_are_checked() {
    let fleet = Fleet::running();
    let ticket = on_sale(&fleet, 5).await;
    let buyer = Buyer::register(&fleet).await;
    for key in ["", "x y", &"k".repeat(256)] {
        let reply = buyer.api.post_once("/cart/checkout", key, &json!({})).await;
        assert_eq!(reply.error(400), "invalid_idempotency_key", "{key:?}");
    }
    let key = unique();
    let want = |quantity: i64| json!({"ticketId": ticket, "quantity": quantity});
    buyer
        .api
        .post_once("/payments/initialize", &key, &want(1))
        .await
        .data(201);
    let other: Value = want(2);
    let reply = buyer.api.post_once("/payments/initialize", &key, &other).await;
    assert_eq!(reply.error(400), "idempotency_mismatch");
    let stock = fleet.database().await.stock(ticket).await;
    assert_eq!((stock.held, stock.sold), (1, 0));
}

#[tokio::test]
async fn asking_for_the_link_again_and_again_is_stopped() {
    let fleet = Fleet::running();
    let body = json!({"email": format!("nobody-{}@acceptance.example", unique())});
    let mut last = None;
    for _ in 0..4 {
        let reply = fleet.stranger().post("/auth/resend-verification", &body).await;
        if reply.status == 429 {
            last = Some(reply);
            break;
        }
        reply.data(200);
        assert_eq!(reply.header("ratelimit-limit"), "3");
        let left: i64 = reply.header("ratelimit-remaining").parse().unwrap();
        assert!((0..3).contains(&left), "{left}");
    }
    let stopped = last.unwrap();
    assert_eq!(stopped.error(429), "rate_limited");
    assert!(
        stopped
            .message()
            .starts_with("Too many verification email requests"),
        "{}",
        stopped.text()
    );
    let wait: i64 = stopped.header("retry-after").parse().unwrap();
    assert!((1..=3_600).contains(&wait), "{wait}");
}

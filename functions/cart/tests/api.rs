#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::body::Body;
use cart::{App, router};
use domain::user::Role;
use domain::{TicketTypeId, UserId};
use runtime::{Clock, Env};
use serde_json::{Value, json};
use std::num::NonZeroU32;
use testkit::{Api, Reply, Rows, TestDb, TestTokens, start, twins};
use web::Site;

struct Setup {
    db: TestDb,
    clock: Clock,
    ticket: TicketTypeId,
}

impl Setup {
    async fn new(capacity: u32) -> Self {
        let db = TestDb::new().await;
        let ticket = Rows(&db).on_sale(150_000, capacity).await;
        Self {
            db,
            clock: Clock::set_to(start()),
            ticket,
        }
    }

    /// A function with a connection of its own, as an execution environment has.
    fn api(&self) -> Api {
        self.api_with(kv::Store::in_memory())
    }

    fn api_with(&self, store: kv::Store) -> Api {
        let app = App {
            db: self.db.db(),
            store,
            caller_factor: NonZeroU32::MIN,
            queue: queue::Publisher::in_memory(),
            tokens: TestTokens::checker(),
            clock: self.clock.clone(),
            hold_seconds: 600,
            payment_seconds: 900,
        };
        Api::new(router(app, Site::from_env(&Env::default())))
    }

    async fn buyer(&self, name: &str) -> (UserId, String) {
        let id = Rows(&self.db).buyer(&format!("{name}@example.test")).await;
        (id, TestTokens::of(id, Role::User, &self.clock))
    }

    async fn add(&self, api: &Api, token: &str, quantity: u32) -> Reply {
        api.post(
            "/api/v1/cart",
            Some(token),
            json!({"ticketId": self.ticket, "quantity": quantity}),
        )
        .await
    }

    /// Held and sold units, and what the holds sum up to.
    async fn counters(&self) -> (i64, i64, i64) {
        (
            self.db.count("select sum(held) from ticket_stock").await,
            self.db.count("select sum(sold) from ticket_stock").await,
            self.db
                .count("select coalesce(sum(quantity), 0) from holds")
                .await,
        )
    }
}

#[tokio::test]
async fn adding_reserves_and_shows_until_when() {
    let t = Setup::new(10).await;
    let (api, (user, token)) = (t.api(), t.buyer("ayu").await);
    let item = t.add(&api, &token, 2).await.data(201);
    let keys: Vec<_> = item.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "id",
            "userId",
            "ticketId",
            "quantity",
            "createdAt",
            "updatedAt",
            "ticket",
            "reservedUntil",
            "seats"
        ]
    );
    assert_eq!(item["userId"], json!(user));
    assert_eq!(item["reservedUntil"], "2030-01-01T12:10:00.000Z");
    assert_eq!(item["ticket"]["quantity"], 8, "what is left to sell");
    assert_eq!(t.counters().await, (2, 0, 2));
    let cart = api.event("http/cart/get_cart.json", Some(&token)).await.data(200);
    assert_eq!(
        (&cart["total"], &cart["totalItems"]),
        (&json!(300_000), &json!(1))
    );
}

#[tokio::test]
async fn adding_the_same_ticket_adds_up_and_changing_sets() {
    let t = Setup::new(100).await;
    let (api, (_, token)) = (t.api(), t.buyer("ayu").await);
    let first = t.add(&api, &token, 2).await.data(201);
    t.clock.advance(300);
    let second = t.add(&api, &token, 3).await.data(201);
    assert_eq!((&second["id"], &second["quantity"]), (&first["id"], &json!(5)));
    assert_eq!(second["reservedUntil"], "2030-01-01T12:15:00.000Z");
    let path = format!("/api/v1/cart/{}", first["id"]);
    for (quantity, held) in [(7, 7), (1, 1), (1, 1), (10, 10), (4, 4)] {
        let item = api
            .call("PATCH", &path, Some(&token), Some(json!({"quantity": quantity})))
            .await
            .data(200);
        assert_eq!(item["quantity"], quantity);
        assert_eq!(t.counters().await, (held, 0, held));
    }
    assert_eq!(t.db.count("select count(*) from cart_items").await, 1);
    api.call("DELETE", &path, Some(&token), None).await.data(200);
    assert_eq!(t.counters().await, (0, 0, 0));
    assert_eq!(
        api.call("DELETE", &path, Some(&token), None).await.error(404),
        "not_found"
    );
}

#[tokio::test]
async fn a_cart_holds_twenty_kinds_of_tickets_even_if_they_are_added_at_once() {
    let t = Setup::new(10).await;
    let (api, (_, token)) = (t.api(), t.buyer("ayu").await);
    let rows = Rows(&t.db);
    let organizer = rows.user("other@example.test", Role::Organizer).await;
    let category = rows.category("Theatre").await;
    let event = rows.event(organizer, "Wayang").await;
    let mut kinds = Vec::new();
    for _ in 0..22 {
        kinds.push(rows.ticket_type(organizer, event, category, 150_000, 10).await);
    }
    let add = async |api: &Api, kind: TicketTypeId| {
        let body = json!({"ticketId": kind, "quantity": 1});
        api.post("/api/v1/cart", Some(&token), body).await
    };
    let (some, last) = kinds.split_at(18);
    for kind in some {
        add(&api, *kind).await.data(201);
    }
    // Two more fit.
    let apis: Vec<_> = last.iter().map(|_| t.api()).collect();
    let adding = last.iter().zip(&apis).map(|(kind, api)| add(api, *kind));
    let replies = futures_util::future::join_all(adding).await;
    let refused: Vec<_> = replies.iter().filter(|reply| reply.status != 201).collect();
    assert_eq!(refused.len(), 2);
    for reply in refused {
        assert_eq!(reply.error(409), "cart_full");
    }
    assert_eq!(t.counters().await, (20, 0, 20));
    assert_eq!(t.add(&api, &token, 1).await.error(409), "cart_full");
    assert_eq!(
        add(&api, some[0]).await.data(201)["quantity"],
        2,
        "more of the same"
    );
}

#[tokio::test]
async fn refusals_say_why_and_change_nothing() {
    let t = Setup::new(5).await;
    let (api, (_, ayu), (_, budi)) = (t.api(), t.buyer("ayu").await, t.buyer("budi").await);
    assert_eq!(t.add(&api, &ayu, 11).await.error(409), "limit_reached");
    t.add(&api, &ayu, 4).await.data(201);
    let refused = t.add(&api, &budi, 2).await;
    assert_eq!(refused.error(409), "held_by_others");
    assert_eq!(refused.json()["retryAt"], "2030-01-01T12:10:00.000Z");
    assert_eq!(t.counters().await, (4, 0, 4));
    assert_eq!(t.db.count("select count(*) from cart_items").await, 1);
    t.db.run("update events set status = 'cancelled'").await;
    assert_eq!(t.add(&api, &budi, 1).await.error(409), "sales_closed");
    let body = json!({"ticketId": 999_999, "quantity": 1});
    assert_eq!(
        api.post("/api/v1/cart", Some(&budi), body).await.error(404),
        "not_found"
    );
    for body in [
        json!({}),
        json!({"ticketId": t.ticket, "quantity": 0}),
        json!({"ticketId": -1, "quantity": 1}),
        json!({"ticketId": t.ticket, "quantity": 1.5}),
        json!({"ticketId": t.ticket, "quantity": 1e30}),
    ] {
        assert_eq!(
            api.post("/api/v1/cart", Some(&budi), body).await.error(400),
            "invalid_input"
        );
    }
    assert_eq!(t.add(&api, "forged", 1).await.error(401), "unauthenticated");
}

#[tokio::test]
async fn a_row_of_somebody_else_does_not_exist() {
    let t = Setup::new(10).await;
    let (api, (_, ayu), (_, budi)) = (t.api(), t.buyer("ayu").await, t.buyer("budi").await);
    let item = t.add(&api, &ayu, 1).await.data(201);
    let path = format!("/api/v1/cart/{}", item["id"]);
    assert_eq!(
        api.call("PATCH", &path, Some(&budi), Some(json!({"quantity": 5})))
            .await
            .error(404),
        "not_found"
    );
    assert_eq!(
        api.call("DELETE", &path, Some(&budi), None).await.error(404),
        "not_found"
    );
    assert_eq!(
        api.get("/api/v1/cart", Some(&budi)).await.data(200)["totalItems"],
        0
    );
    assert_eq!(t.counters().await, (1, 0, 1));
}

#[tokio::test]
async fn checkout_makes_an_order_and_empties_the_cart() {
    let t = Setup::new(10).await;
    let (api, (user, token)) = (t.api(), t.buyer("ayu").await);
    t.add(&api, &token, 2).await.data(201);
    let reply = api.event("http/cart/checkout.json", Some(&token)).await;
    assert_eq!(reply.message(), "Checkout initialized successfully");
    let order = reply.data(200);
    assert_eq!(
        order["items"],
        json!([{
            "ticketId": t.ticket, "quantity": 2, "price": 150_000, "subtotal": 300_000, "discount": 0, "fee": 0, "tax": 0,
            "charged": 300_000, "seats": null,
        }])
    );
    assert_eq!(
        (&order["userId"], &order["total"], &order["status"]),
        (&json!(user), &json!(300_000), &json!("pending"))
    );
    assert_eq!(order["expiresAt"], "2030-01-01T12:15:00.000Z");
    assert_eq!(t.counters().await, (2, 0, 2));
    assert_eq!(
        t.db.count("select count(*) from holds where order_item_id is not null")
            .await,
        1
    );
    assert_eq!(
        t.db.count(
            "select count(*) from outbox where body like '%order_placed%' and published_at is not null"
        )
        .await,
        1
    );
    assert_eq!(
        api.get("/api/v1/cart", Some(&token)).await.data(200)["totalItems"],
        0
    );
    let again = api
        .call("POST", "/api/v1/cart/checkout", Some(&token), None)
        .await;
    assert_eq!(
        (again.error(400), again.message()),
        ("cart_empty".to_owned(), "Cart is empty".to_owned())
    );
}

async fn keyed(api: &Api, token: &str, key: &str) -> Reply {
    let request = http::Request::post("/api/v1/cart/checkout")
        .header("authorization", format!("Bearer {token}"))
        .header("idempotency-key", key);
    api.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_same_key_gives_the_same_answer_for_a_day() {
    let t = Setup::new(10).await;
    let (api, (_, ayu), (_, budi)) = (t.api(), t.buyer("ayu").await, t.buyer("budi").await);
    t.add(&api, &ayu, 2).await.data(201);
    let first = keyed(&api, &ayu, "k1").await;
    let again = keyed(&api, &ayu, "k1").await;
    assert_eq!((first.status, &first.bytes), (again.status, &again.bytes));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(
        keyed(&api, &budi, "k1").await.error(400),
        "cart_empty",
        "keys of others do not matter"
    );
    let mut request =
        http::Request::post("/api/v1/cart/checkout").header("authorization", format!("Bearer {ayu}"));
    request = request.header("idempotency-key", "k1");
    let other = api.send(request.body(Body::from("{\"note\":1}")).unwrap()).await;
    assert_eq!(other.error(400), "idempotency_mismatch");
    assert_eq!(keyed(&api, &ayu, "").await.error(400), "invalid_idempotency_key");
    t.clock.advance(25 * 3_600);
    let token = TestTokens::of(UserId::new(1), Role::User, &t.clock);
    assert_eq!(keyed(&api, &token, "k1").await.error(400), "cart_empty");
    assert_eq!(t.db.count("select count(*) from orders").await, 1);
}

#[tokio::test]
async fn two_checkouts_at_once_make_one_order() {
    let t = Setup::new(10).await;
    let (_, token) = t.buyer("ayu").await;
    t.add(&t.api(), &token, 2).await.data(201);
    let apis: Vec<_> = (0..8).map(|_| t.api()).collect();
    let calls = apis
        .iter()
        .enumerate()
        .map(|(i, api)| keyed(api, &token, if i % 2 == 0 { "same" } else { "other" }));
    let replies = futures_util::future::join_all(calls).await;
    let won = replies.iter().filter(|reply| reply.status == 200).count();
    assert!(won >= 1);
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        assert!(
            ["request_in_flight", "cart_empty"].contains(&reply.json()["code"].as_str().unwrap()),
            "{:?}",
            reply.json()
        );
    }
    assert_eq!(t.db.count("select count(*) from orders").await, 1);
    assert_eq!(t.counters().await, (2, 0, 2));
}

#[tokio::test]
async fn a_wish_outlives_its_reservation() {
    let t = Setup::new(3).await;
    let (api, (_, ayu), (_, budi)) = (t.api(), t.buyer("ayu").await, t.buyer("budi").await);
    t.add(&api, &ayu, 3).await.data(201);
    assert_eq!(t.add(&api, &budi, 1).await.error(409), "held_by_others");
    t.clock.advance(601);
    t.add(&api, &budi, 1).await.data(201);
    let cart = api.get("/api/v1/cart", Some(&ayu)).await.data(200);
    assert_eq!(
        (&cart["items"][0]["reservedUntil"], &cart["totalItems"]),
        (&Value::Null, &json!(1))
    );
    let refused = api.call("POST", "/api/v1/cart/checkout", Some(&ayu), None).await;
    assert_eq!(refused.error(409), "held_by_others");
    assert_eq!(refused.message(), "Not enough tickets available for Festival");
    let path = format!("/api/v1/cart/{}", cart["items"][0]["id"]);
    api.call("PATCH", &path, Some(&ayu), Some(json!({"quantity": 2})))
        .await
        .data(200);
    api.call("POST", "/api/v1/cart/checkout", Some(&ayu), None)
        .await
        .data(200);
    assert_eq!(t.counters().await, (3, 0, 3));
}

#[tokio::test]
async fn a_limit_per_buyer_holds_under_parallel_requests() {
    let t = Setup::new(100).await;
    t.db.run("update ticket_types set max_per_user = 4").await;
    let (_, token) = t.buyer("ayu").await;
    let apis: Vec<_> = (0..12).map(|_| t.api()).collect();
    let replies = futures_util::future::join_all(apis.iter().map(|api| t.add(api, &token, 1))).await;
    let won = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(won, 4);
    assert!(
        replies
            .iter()
            .all(|reply| reply.status == 201 || reply.json()["code"] == "limit_reached")
    );
    t.api()
        .call("POST", "/api/v1/cart/checkout", Some(&token), None)
        .await
        .data(200);
    assert_eq!(
        t.add(&t.api(), &token, 1).await.error(409),
        "limit_reached",
        "ordered tickets count"
    );
}

#[tokio::test]
async fn what_is_limited_per_buyer_is_not_for_guests() {
    let t = Setup::new(100).await;
    let (id, token) = t.buyer("ayu").await;
    t.db.run(&format!("update users set is_guest = true where id = {id}"))
        .await;
    let api = t.api();
    t.add(&api, &token, 1).await.data(201);
    t.db.run("update ticket_types set max_per_user = 4").await;
    assert_eq!(t.add(&api, &token, 1).await.error(409), "account_required");
    let cart = api.get("/api/v1/cart", Some(&token)).await.data(200);
    let path = format!("/api/v1/cart/{}", cart["items"][0]["id"]);
    let more = api.call("PATCH", &path, Some(&token), Some(json!({"quantity": 2})));
    assert_eq!(more.await.error(409), "account_required");
    let checkout = async || {
        api.call("POST", "/api/v1/cart/checkout", Some(&token), None)
            .await
    };
    assert_eq!(checkout().await.error(409), "account_required");
    t.db.run("update ticket_types set max_per_user = null").await;
    checkout().await.data(200);
}

#[tokio::test]
async fn two_hundred_buyers_for_twenty_units_get_exactly_twenty() {
    let t = Setup::new(20).await;
    let mut tokens = Vec::new();
    for i in 0..200 {
        tokens.push(t.buyer(&format!("b{i}")).await.1);
    }
    // As many connections at a time as a small fleet has environments.
    let mut won = 0;
    for crowd in tokens.chunks(40) {
        let apis: Vec<_> = crowd.iter().map(|_| t.api()).collect();
        let calls = apis.iter().zip(crowd).map(|(api, token)| t.add(api, token, 1));
        for reply in futures_util::future::join_all(calls).await {
            match reply.status.as_u16() {
                201 => won += 1,
                409 => assert_eq!(reply.json()["code"], "held_by_others"),
                other => panic!("{other}: {:?}", reply.json()),
            }
        }
    }
    assert_eq!(won, 20);
    assert_eq!(t.counters().await, (20, 0, 20));
}

#[tokio::test]
async fn of_twenty_twins_one_adds_and_all_hear_of_it() {
    let t = Setup::new(100).await;
    let (_, token) = t.buyer("ayu").await;
    let apis: Vec<_> = (0..20).map(|_| t.api()).collect();
    let body = json!({"ticketId": t.ticket, "quantity": 2});
    for (round, quantity) in [(1, 2), (2, 4)] {
        let heard = twins(&apis, "/api/v1/cart", &token, &format!("k{round}"), &body).await;
        for reply in &heard {
            assert_eq!(reply.data(201)["quantity"], quantity);
            assert_eq!(reply.bytes, heard[0].bytes);
        }
        assert_eq!(t.counters().await, (quantity, 0, quantity));
    }
    let other = json!({"ticketId": t.ticket, "quantity": 3});
    let refused = apis[0].post_once("/api/v1/cart", &token, "k1", &other).await;
    assert_eq!(refused.error(400), "idempotency_mismatch");
}

#[tokio::test]
async fn a_refusal_is_not_kept_under_its_key() {
    let t = Setup::new(2).await;
    let (api, (_, ayu), (_, budi)) = (t.api(), t.buyer("ayu").await, t.buyer("budi").await);
    let item = t.add(&api, &ayu, 2).await.data(201);
    let body = json!({"ticketId": t.ticket, "quantity": 1});
    let refused = api.post_once("/api/v1/cart", &budi, "k", &body).await;
    assert_eq!(refused.error(409), "held_by_others");
    let path = format!("/api/v1/cart/{}", item["id"]);
    api.call("DELETE", &path, Some(&ayu), None).await.data(200);
    api.post_once("/api/v1/cart", &budi, "k", &body).await.data(201);
}

#[tokio::test]
async fn writes_are_counted_by_account_and_told() {
    let t = Setup::new(10).await;
    let (api, (_, ayu), (_, budi)) = (t.api(), t.buyer("ayu").await, t.buyer("budi").await);
    let first = t.add(&api, &ayu, 1).await;
    first.data(201);
    assert_eq!(first.headers["ratelimit-policy"], "240;w=60");
    assert_eq!(first.headers["ratelimit-remaining"], "239");
    for _ in 1..240 {
        assert_ne!(t.add(&api, &ayu, 1).await.status, 429);
    }
    let refused = t.add(&api, &ayu, 1).await;
    assert_eq!(refused.error(429), "rate_limited");
    assert_eq!(
        (
            &refused.headers["retry-after"],
            &refused.headers["ratelimit-remaining"]
        ),
        (&http::HeaderValue::from(60), &http::HeaderValue::from(0))
    );
    for (method, path) in [("PATCH", "/api/v1/cart/1"), ("POST", "/api/v1/cart/checkout")] {
        let refused = api
            .call(method, path, Some(&ayu), Some(json!({"quantity": 1})))
            .await;
        assert_eq!(refused.error(429), "rate_limited", "{path}");
    }
    assert_eq!(
        api.get("/api/v1/cart", Some(&ayu)).await.data(200)["totalItems"],
        1
    );
    assert_ne!(t.add(&api, &budi, 1).await.status, 429, "others go on");
    t.clock.advance(60);
    assert_ne!(t.add(&api, &ayu, 1).await.status, 429, "the next window begins");
}

#[tokio::test]
async fn nobody_is_stopped_when_the_table_does_not_answer() {
    let t = Setup::new(10).await;
    let (api, (_, token)) = (t.api_with(kv::Store::unreachable()), t.buyer("ayu").await);
    let reply = t.add(&api, &token, 1).await;
    reply.data(201);
    assert!(!reply.headers.contains_key("ratelimit-limit"));
    api.call("POST", "/api/v1/cart/checkout", Some(&token), None)
        .await
        .data(200);
}

#[tokio::test]
async fn what_is_cancelled_draft_or_over_is_neither_reserved_nor_ordered() {
    let t = Setup::new(10).await;
    let (api, (_, ayu), (_, budi)) = (t.api(), t.buyer("ayu").await, t.buyer("budi").await);
    let item = t.add(&api, &ayu, 2).await.data(201);
    let path = format!("/api/v1/cart/{}", item["id"]);
    for (change, unseen) in [
        ("status = 'cancelled'", false),
        ("status = 'draft'", true),
        ("date = '2029-12-31 12:00Z'", false),
        ("date = '2030-01-01 10:00Z', ends_at = '2030-01-01 12:00Z'", false),
    ] {
        t.db.run("update events set status = 'published', date = '2030-02-01', ends_at = null")
            .await;
        t.db.run(&format!("update events set {change}")).await;
        t.db.run("update ticket_types set sales_end = '2031-01-01'").await;
        let added = t.add(&api, &budi, 1).await;
        let changed = api
            .call("PATCH", &path, Some(&ayu), Some(json!({"quantity": 3})))
            .await;
        for reply in [added, changed] {
            match unseen {
                true => assert_eq!(reply.error(404), "not_found"),
                false => assert_eq!(reply.error(409), "sales_closed", "{change}"),
            }
        }
        let ordered = api.call("POST", "/api/v1/cart/checkout", Some(&ayu), None).await;
        assert_eq!(ordered.error(409), "sales_closed", "{change}");
        assert_eq!(t.counters().await, (2, 0, 2), "{change}");
    }
}

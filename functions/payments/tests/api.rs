use axum::body::Body;
use domain::user::Role;
use domain::{TicketTypeId, UserId};
use payments::{App, router};
use queue::Publisher;
use runtime::{Clock, Env};
use serde_json::{Value, json};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};
use testkit::{Api, Gateway, Reply, Rows, TestDb, TestTokens, start};
use web::Site;

struct Setup {
    db: TestDb,
    gateway: Gateway,
    clock: Clock,
    ticket: TicketTypeId,
    user: UserId,
    token: String,
}

impl Setup {
    async fn new(price: i64, capacity: u32) -> Self {
        let (db, gateway, clock) = (
            TestDb::new().await,
            Gateway::start().await,
            Clock::set_to(start()),
        );
        let ticket = Rows(&db).on_sale(price, capacity).await;
        let user = Rows(&db).buyer("ayu@example.test").await;
        let token = TestTokens::of(user, Role::User, &clock);
        Self {
            db,
            gateway,
            clock,
            ticket,
            user,
            token,
        }
    }

    fn api(&self) -> Api {
        self.api_with(kv::Store::in_memory())
    }

    fn api_with(&self, store: kv::Store) -> Api {
        let app = App {
            db: self.db.db(),
            midtrans: self.gateway.client_of(store.clone(), self.clock.clone()),
            store,
            caller_factor: NonZeroU32::MIN,
            queue: Publisher::in_memory(),
            tokens: TestTokens::checker(),
            clock: self.clock.clone(),
            payment_seconds: 900,
            finish_url: "https://shop.example/done".to_owned(),
        };
        Api::new(router(app, Site::from_env(&Env::default())))
    }

    fn at_once(&self, quantity: u32) -> Value {
        json!({"ticketId": self.ticket, "quantity": quantity})
    }

    async fn initialize(&self, api: &Api, body: Value) -> Reply {
        api.post("/api/v1/payments/initialize", Some(&self.token), body)
            .await
    }
}

#[tokio::test]
async fn a_payment_page_is_opened_as_older_clients_do_it() {
    let t = Setup::new(150_000, 10).await;
    let reply = t.initialize(&t.api(), t.at_once(2)).await;
    assert_eq!(reply.message(), "Payment initialized successfully");
    let data = reply.data(201);
    let payment = &data["payment"];
    let keys: Vec<_> = payment.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
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
            "ticket",
            "quantity",
            "redirectUrl"
        ]
    );
    assert_eq!(
        (&payment["amount"], &payment["status"]),
        (&json!(300_000), &json!("pending"))
    );
    assert!(payment["orderId"].as_str().unwrap().starts_with("ORDER-"));
    assert_eq!(payment["ticket"]["event"]["name"], "Java Jazz");
    let page = t.gateway.read(data["redirectUrl"].as_str().unwrap()).await;
    assert!(page.contains("300.000"), "the page shows the amount");
    let known = t
        .gateway
        .admin(
            "GET",
            &format!("transactions/{}", payment["orderId"].as_str().unwrap()),
            json!({}),
        )
        .await;
    assert!(known.to_string().contains("Java Jazz - Festival"), "{known}");
    assert_eq!(t.db.count("select sum(held) from ticket_stock").await, 2);
}

#[tokio::test]
async fn asking_again_gives_the_same_page() {
    let t = Setup::new(150_000, 10).await;
    let api = t.api();
    let first = t.initialize(&api, t.at_once(2)).await.data(201);
    let again = t.initialize(&api, t.at_once(2)).await.data(201);
    assert_eq!(first["transactionToken"], again["transactionToken"]);
    let by_order = t
        .initialize(&api, json!({"orderId": first["payment"]["orderId"]}))
        .await
        .data(201);
    assert_eq!(first["transactionToken"], by_order["transactionToken"]);
    assert_eq!(t.db.count("select count(*) from orders").await, 1);
    assert_eq!(t.db.count("select sum(held) from ticket_stock").await, 2);
}

#[tokio::test]
async fn a_double_click_makes_one_order_one_payment_one_page() {
    let t = Setup::new(150_000, 10).await;
    t.gateway.faults(json!({"snap_create": {"delay_ms": 300}})).await;
    let apis: Vec<_> = (0..6).map(|_| t.api()).collect();
    let replies =
        futures_util::future::join_all(apis.iter().map(|api| t.initialize(api, t.at_once(2)))).await;
    assert_eq!(
        replies.iter().filter(|reply| reply.status == 201).count(),
        1,
        "{replies:?}"
    );
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        assert_eq!(reply.error(409), "request_in_flight");
    }
    assert_eq!(t.db.count("select count(*) from orders").await, 1);
    assert_eq!(t.db.count("select count(*) from payments").await, 1);
    let requests = t.gateway.admin("GET", "requests", json!({})).await;
    assert_eq!(
        requests.to_string().matches("/snap/v1/transactions").count(),
        1,
        "{requests}"
    );
}

#[tokio::test]
async fn what_the_cart_holds_serves_the_purchase() {
    let t = Setup::new(150_000, 2).await;
    let db = t.db.db();
    let mut conn = db.conn().await.unwrap();
    let tx = conn.begin().await.unwrap();
    let until = start().plus_seconds(600);
    let item = db::cart::insert(&tx, t.user, t.ticket, 2, until, start())
        .await
        .unwrap();
    let want = db::stock::Want {
        ticket_type: t.ticket,
        quantity: 2,
        first_stripe: 0,
        until,
    };
    db::stock::take(&tx, db::stock::Owner::Cart(item.id), want, start())
        .await
        .unwrap()
        .unwrap();
    tx.commit().await.unwrap();
    drop(conn);
    t.initialize(&t.api(), t.at_once(2)).await.data(201);
    assert_eq!(t.db.count("select count(*) from cart_items").await, 0);
    assert_eq!(
        t.db.count("select sum(quantity) from holds where order_item_id is not null")
            .await,
        2
    );
}

#[tokio::test]
async fn a_gateway_that_is_away_costs_nothing() {
    let t = Setup::new(150_000, 10).await;
    for faults in [
        json!({"snap_create": {"respond": 503}}),
        json!({"snap_create": {"respond": 429}}),
        json!({"snap_create": {"drop": true}}),
        json!({"snap_create": {"hang": true}}),
        json!({"snap_create": {"malformed_json": true}}),
    ] {
        t.gateway.faults(faults.clone()).await;
        let asked = Instant::now();
        let reply = t.initialize(&t.api(), t.at_once(2)).await;
        assert!(asked.elapsed() < Duration::from_secs(3), "{faults}");
        assert_eq!(reply.error(503), "gateway_unavailable", "{faults}");
        assert_eq!(reply.headers["retry-after"], "10");
        assert_eq!(
            t.db.count("select sum(held) from ticket_stock").await,
            2,
            "the reservation stays"
        );
        assert_eq!(t.db.count("select count(*) from pg_stat_activity where state = 'idle in transaction' and datname = current_database()").await, 0);
    }
    t.gateway.faults(json!({})).await;
    t.initialize(&t.api(), t.at_once(2)).await.data(201);
    assert_eq!(t.db.count("select count(*) from orders").await, 1);
}

#[tokio::test]
async fn a_gateway_that_fails_is_left_alone_by_all_and_tried_again_by_one() {
    let t = Setup::new(150_000, 10).await;
    let store = kv::Store::in_memory();
    let (one, two) = (t.api_with(store.clone()), t.api_with(store));
    let asked = async || {
        let journal = t.gateway.admin("GET", "requests", json!({})).await;
        journal["requests"].as_array().unwrap().len()
    };
    let away = async |api: &Api, retry_after: &str| {
        let reply = t.initialize(api, t.at_once(2)).await;
        assert_eq!(reply.error(503), "gateway_unavailable");
        assert_eq!(reply.headers["retry-after"], retry_after);
    };
    t.gateway.faults(json!({"snap_create": {"respond": 503}})).await;
    for _ in 0..3 {
        away(&one, "10").await;
    }
    assert_eq!(asked().await, 3);
    let begun = Instant::now();
    away(&one, "11").await;
    assert!(
        begun.elapsed() < Duration::from_millis(50),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(asked().await, 3, "nobody asks any more");
    away(&two, "10").await;
    away(&two, "11").await;
    assert_eq!(asked().await, 4, "the other environment asked once");

    t.clock.advance(10);
    away(&two, "10").await;
    away(&one, "11").await;
    assert_eq!(asked().await, 5, "one of both tried");

    t.gateway.faults(json!({})).await;
    t.clock.advance(10);
    t.initialize(&one, t.at_once(2)).await.data(201);
    t.initialize(&two, t.at_once(2)).await.data(201);
    assert_eq!(t.db.count("select count(*) from orders").await, 1);
    assert_eq!(t.db.count("select sum(held) from ticket_stock").await, 2);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_found_again() {
    let t = Setup::new(150_000, 10).await;
    let api = t.api();
    t.gateway
        .faults(json!({"snap_create": {"lose_reply": true, "times": 1}}))
        .await;
    assert_eq!(
        t.initialize(&api, t.at_once(2)).await.error(503),
        "gateway_unavailable"
    );
    let data = t.initialize(&api, t.at_once(2)).await.data(201);
    t.gateway.read(data["redirectUrl"].as_str().unwrap()).await;
    assert_eq!(t.db.count("select count(*) from payments").await, 1);
}

#[tokio::test]
async fn guests_pay_what_is_not_limited_per_buyer() {
    let t = Setup::new(150_000, 10).await;
    let api = t.api();
    t.db.run("update users set is_guest = true where role = 'user'")
        .await;
    t.db.run("update ticket_types set max_per_user = 4").await;
    assert_eq!(
        t.initialize(&api, t.at_once(2)).await.error(409),
        "account_required"
    );
    t.db.run("update ticket_types set max_per_user = null").await;
    t.initialize(&api, t.at_once(2)).await.data(201);
}

#[tokio::test]
async fn only_the_buyer_pays_and_only_in_time() {
    let t = Setup::new(150_000, 10).await;
    let api = t.api();
    let data = t.initialize(&api, t.at_once(2)).await.data(201);
    let order = json!({"orderId": data["payment"]["orderId"]});
    let other = Rows(&t.db).buyer("budi@example.test").await;
    let other = TestTokens::of(other, Role::User, &t.clock);
    assert_eq!(
        api.post("/api/v1/payments/initialize", Some(&other), order.clone())
            .await
            .error(404),
        "not_found"
    );
    assert_eq!(
        api.post("/api/v1/payments/initialize", None, order.clone())
            .await
            .error(401),
        "unauthenticated"
    );
    t.clock.advance(900);
    assert_eq!(t.initialize(&api, order.clone()).await.error(409), "order_closed");
    t.db.run("update orders set status = 'paid'").await;
    assert_eq!(t.initialize(&api, order).await.error(409), "order_paid");
}

#[tokio::test]
async fn a_free_order_needs_no_gateway() {
    let t = Setup::new(0, 10).await;
    let data = t.initialize(&t.api(), t.at_once(3)).await.data(201);
    assert_eq!(
        (&data["payment"]["status"], &data["redirectUrl"]),
        (&json!("success"), &Value::Null)
    );
    assert_eq!(
        t.db.count("select count(*) from issued_tickets where status = 'valid'")
            .await,
        3
    );
    assert_eq!(t.db.count("select sum(sold) from ticket_stock").await, 3);
    assert_eq!(
        t.db.count("select count(*) from outbox where body like '%tickets%'")
            .await,
        1
    );
    let requests = t.gateway.admin("GET", "requests", json!({})).await;
    assert_eq!(requests.to_string().matches("/snap/v1").count(), 0);
}

#[tokio::test]
async fn a_key_gives_the_same_answer_and_another_body_is_refused() {
    let t = Setup::new(150_000, 10).await;
    let api = t.api();
    let send = async |body: Value| {
        let request = http::Request::post("/api/v1/payments/initialize")
            .header("authorization", format!("Bearer {}", t.token))
            .header("idempotency-key", "k");
        api.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    };
    let first = send(t.at_once(2)).await;
    let again = send(t.at_once(2)).await;
    assert_eq!((first.status.as_u16(), &first.bytes), (201, &again.bytes));
    assert_eq!(send(t.at_once(3)).await.error(400), "idempotency_mismatch");
    assert_eq!(t.db.count("select count(*) from orders").await, 1);
}

#[tokio::test]
async fn bad_input_is_refused() {
    let t = Setup::new(150_000, 10).await;
    let api = t.api();
    for (body, status, code) in [
        (json!({}), 400, "invalid_input"),
        (json!({"ticketId": t.ticket}), 400, "invalid_input"),
        (json!({"ticketId": t.ticket, "quantity": 0}), 400, "invalid_input"),
        (
            json!({"ticketId": t.ticket, "quantity": "1e3"}),
            400,
            "invalid_input",
        ),
        (
            json!({"ticketId": t.ticket, "quantity": 1, "promoCode": "SUMMER"}),
            400,
            "invalid_promo",
        ),
        (json!({"ticketId": 999_999, "quantity": 1}), 404, "not_found"),
        (json!({"orderId": "ORDER-1"}), 404, "not_found"),
        (
            json!({"ticketId": t.ticket, "quantity": 11}),
            409,
            "limit_reached",
        ),
    ] {
        assert_eq!(
            t.initialize(&api, body.clone()).await.error(status),
            code,
            "{body}"
        );
    }
    assert_eq!(t.db.count("select count(*) from orders").await, 0);
    assert_eq!(t.db.count("select sum(held) from ticket_stock").await, 0);
}

#[tokio::test]
async fn payments_are_seen_by_their_payer_and_by_admins() {
    let t = Setup::new(150_000, 10).await;
    let api = t.api();
    let payment = t.initialize(&api, t.at_once(2)).await.data(201)["payment"].clone();
    let path = format!("/api/v1/payments/{}", payment["id"]);
    let other = Rows(&t.db).buyer("budi@example.test").await;
    let other = TestTokens::of(other, Role::User, &t.clock);
    let admin = Rows(&t.db).user("admin@example.test", Role::Admin).await;
    let admin = TestTokens::of(admin, Role::Admin, &t.clock);
    assert_eq!(
        api.get(&path, Some(&t.token)).await.data(200)["orderId"],
        payment["orderId"]
    );
    assert_eq!(
        api.get(&path, Some(&admin)).await.data(200)["orderId"],
        payment["orderId"]
    );
    assert_eq!(api.get(&path, Some(&other)).await.error(404), "not_found");
    let own = api
        .event("http/payments/payment_history.json", Some(&t.token))
        .await
        .data(200);
    assert_eq!(
        own["meta"],
        json!({"page": 1, "limit": 10, "total": 1, "totalPages": 1})
    );
    assert_eq!(own["payments"][0]["user"]["name"], "ayu");
    assert_eq!(
        api.get("/api/v1/payments/history", Some(&other)).await.data(200)["meta"]["total"],
        0
    );
    assert_eq!(
        api.event("http/payments/list_payments.json", Some(&admin))
            .await
            .data(200)["meta"]["total"],
        1
    );
    assert_eq!(
        api.get("/api/v1/payments", Some(&t.token)).await.error(403),
        "forbidden"
    );
}

#[tokio::test]
async fn beginning_payments_is_counted_by_account_and_told() {
    let t = Setup::new(150_000, 10).await;
    let api = t.api();
    let first = t.initialize(&api, t.at_once(2)).await;
    first.data(201);
    assert_eq!(first.headers["ratelimit-policy"], "120;w=60");
    assert_eq!(first.headers["ratelimit-remaining"], "119");
    for _ in 1..120 {
        // A payment that does not exist counts, too: whoever guesses codes of orders is a program.
        let reply = t.initialize(&api, json!({"orderId": "ORDER-1"})).await;
        assert_eq!(reply.error(404), "not_found");
    }
    let refused = t.initialize(&api, t.at_once(2)).await;
    assert_eq!(refused.error(429), "rate_limited");
    assert_eq!(refused.headers["retry-after"], "60");
    t.clock.advance(60);
    t.initialize(&api, t.at_once(2)).await.data(201);
}

#[tokio::test]
async fn nobody_is_stopped_when_the_table_does_not_answer() {
    let t = Setup::new(150_000, 10).await;
    let api = t.api_with(kv::Store::unreachable());
    let reply = t.initialize(&api, t.at_once(2)).await;
    reply.data(201);
    assert!(!reply.headers.contains_key("ratelimit-limit"));
}

#[tokio::test]
async fn an_event_that_does_not_take_place_any_more_is_not_paid() {
    for (price, change) in [
        (150_000, "update events set status = 'cancelled'"),
        (0, "update events set status = 'cancelled'"),
        (
            150_000,
            "update events set date = '2030-01-01 11:00Z', ends_at = '2030-01-01 12:00Z'",
        ),
        (150_000, "update events set date = '2029-12-31 12:00Z'"),
    ] {
        let t = Setup::new(price, 10).await;
        let (code, _) = Rows(&t.db).bought(t.user, t.ticket, 1).await;
        t.db.run(&format!(
            "delete from issued_tickets; update ticket_stock set sold = 0;
             update orders set status = 'pending', subtotal = {price}, total = {price}, expires_at = '2030-01-01 12:15Z';
             {change}"
        ))
        .await;
        let api = t.api();
        let order = t.initialize(&api, json!({"orderId": code})).await;
        assert_eq!(order.error(409), "sales_closed", "{change}");
        let at_once = t.initialize(&api, t.at_once(1)).await;
        assert_eq!(at_once.error(409), "sales_closed", "{change}");
        assert_eq!(t.db.count("select count(*) from payments").await, 0);
        assert_eq!(t.db.text("select status from orders").await, "pending");
    }
}

#[tokio::test]
async fn a_page_that_was_opened_is_not_shown_again_after_a_cancellation() {
    let t = Setup::new(150_000, 10).await;
    let api = t.api();
    let opened = t.initialize(&api, t.at_once(1)).await.data(201);
    let again = json!({"orderId": opened["payment"]["orderId"]});
    t.initialize(&api, again.clone()).await.data(201);
    t.db.run("update events set status = 'cancelled'").await;
    assert_eq!(t.initialize(&api, again).await.error(409), "sales_closed");
}

#[tokio::test]
async fn whoever_looks_at_a_payment_that_may_move_has_the_gateway_asked_now_and_then() {
    let t = Setup::new(150_000, 10).await;
    let api = t.api();
    let payment = t.initialize(&api, t.at_once(2)).await.data(201)["payment"].clone();
    let order = payment["orderId"].as_str().unwrap();
    let path = format!("/api/v1/payments/{}", payment["id"]);
    let status = async || api.get(&path, Some(&t.token)).await.data(200)["status"].clone();
    let asked = async || {
        let journal = t
            .gateway
            .admin("GET", "requests?operation=status", json!({}))
            .await;
        journal["requests"].as_array().unwrap().len()
    };
    for _ in 0..3 {
        assert_eq!(status().await, "pending");
    }
    assert_eq!(asked().await, 1);
    let other = Rows(&t.db).buyer("budi@example.test").await;
    let other = TestTokens::of(other, Role::User, &t.clock);
    t.clock.advance(3);
    api.get(&path, Some(&other)).await.error(404);
    assert_eq!(asked().await, 1, "only who may read it has the gateway asked");

    t.gateway.faults(json!({"core": {"hang": true}})).await;
    let begun = Instant::now();
    assert_eq!(status().await, "pending");
    assert!(
        begun.elapsed() < Duration::from_millis(2_500),
        "{:?}",
        begun.elapsed()
    );
    t.gateway.faults(json!({})).await;

    t.gateway.pay(order, "bca_va", "settlement").await;
    assert_eq!(status().await, "pending", "it was asked just now");
    t.clock.advance(3);
    assert_eq!(status().await, "success");
    assert_eq!(t.db.count("select count(*) from issued_tickets").await, 2);
    let before = asked().await;
    t.clock.advance(3);
    status().await;
    assert_eq!(asked().await, before, "what is decided is not asked about");
}

/// Three payments, a minute apart; the second is paid.
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
async fn three_payments(t: &Setup, api: &Api) -> Vec<Value> {
    let mut payments = Vec::new();
    for quantity in 1..=3 {
        let payment = t.initialize(api, t.at_once(quantity)).await.data(201)["payment"].clone();
        payments.push(payment);
        t.clock.advance(60);
    }
    let paid = payments[1]["id"].as_i64().unwrap();
    t.db.run(&format!(
        "update payments set status = 'success', settled_at = payment_date where id = {paid}"
    ))
    .await;
    payments
}

#[tokio::test]
async fn admins_find_payments_by_what_they_know_of_them() {
    let t = Setup::new(150_000, 10).await;
    let api = t.api();
    let payments = three_payments(&t, &api).await;
    let admin = Rows(&t.db).user("admin@example.test", Role::Admin).await;
    let admin = TestTokens::of(admin, Role::Admin, &t.clock);
    let found = async |query: &str| {
        let data = api
            .get(&format!("/api/v1/payments?{query}"), Some(&admin))
            .await
            .data(200);
        let ids: Vec<i64> = data["payments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|payment| {
                payments
                    .iter()
                    .position(|one| one["id"] == payment["id"])
                    .unwrap() as i64
            })
            .collect();
        (ids, data["meta"].clone())
    };
    let ids = async |query: &str| found(query).await.0;
    assert_eq!(ids("").await, [2, 1, 0], "the newest first");
    assert_eq!(ids("status=success").await, [1]);
    assert_eq!(ids(&format!("userId={}&status=pending", t.user)).await, [2, 0]);
    assert_eq!(ids("userId=999").await, [0_i64; 0]);
    let event = t.db.count("select id from events").await;
    assert_eq!(ids(&format!("eventId={event}")).await, [2, 1, 0]);
    assert_eq!(ids(&format!("eventId={}", event + 1)).await, [0_i64; 0]);
    let code = payments[2]["orderId"].as_str().unwrap();
    assert_eq!(ids(&format!("orderId={code}")).await, [2]);
    assert_eq!(
        ids("startDate=2030-01-01T12:01:00Z").await,
        [2, 1],
        "its bound is in it"
    );
    assert_eq!(
        ids("startDate=2030-01-01T12:01:00Z&endDate=2030-01-01T12:02:00Z").await,
        [1]
    );

    let (first, meta) = found("limit=2").await;
    assert_eq!(first, [2, 1]);
    assert_eq!(meta["total"], 3);
    let (rest, meta) = found(&format!("limit=2&cursor={}", meta["nextCursor"])).await;
    assert_eq!(rest, [0]);
    assert_eq!(meta["nextCursor"], Value::Null);
    let (second, meta) = found("limit=2&page=2").await;
    assert_eq!((second, &meta["nextCursor"]), (vec![0], &Value::Null));
    assert_eq!(found("limit=2&page=3").await.1["total"], 3);

    for wrong in [
        "status=paid",
        "userId=x",
        "startDate=soon",
        "cursor=x",
        "startDate=2030-01-02&endDate=2030-01-01",
    ] {
        let reply = api.get(&format!("/api/v1/payments?{wrong}"), Some(&admin)).await;
        assert_eq!(reply.error(400), "invalid_input", "{wrong}");
    }
    let long = format!("/api/v1/payments?orderId={}", "9".repeat(101));
    assert_eq!(api.get(&long, Some(&admin)).await.error(400), "invalid_input");
}

#[tokio::test]
async fn payments_are_exported_for_admins_and_for_organizers_of_their_events() {
    let t = Setup::new(150_000, 10).await;
    let api = t.api();
    let payments = three_payments(&t, &api).await;
    t.db.run("update events set name = '=HYPERLINK(\"http://evil.example\"), cheap'")
        .await;
    let file = async |path: &str, token: &str| {
        let reply = api.get(path, Some(token)).await;
        assert_eq!(reply.status, 200);
        assert_eq!(
            reply.headers["content-type"],
            "text/csv; charset=utf-8; header=present"
        );
        assert_eq!(
            reply.headers["content-disposition"],
            "attachment; filename=\"payments.csv\""
        );
        assert!(!reply.headers.contains_key("link"));
        String::from_utf8(reply.bytes).unwrap()
    };
    let admin = Rows(&t.db).user("admin@example.test", Role::Admin).await;
    let admin = TestTokens::of(admin, Role::Admin, &t.clock);
    let text = file("/api/v1/payments/export", &admin).await;
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 4);
    let event = t.db.count("select id from events").await;
    let (id, code) = (&payments[1]["id"], payments[1]["orderId"].as_str().unwrap());
    assert_eq!(
        lines[2],
        format!(
            "{id},{code},success,{},{event},\"'=HYPERLINK(\"\"http://evil.example\"\"), cheap\",2,300000,0,0,0,300000,0,IDR,,\
             2030-01-01T12:01:00.000Z,2030-01-01T12:01:00.000Z",
            t.user
        )
    );
    let chosen = api
        .event("http/payments/export_payments.json", Some(&admin))
        .await;
    let chosen = String::from_utf8(chosen.bytes).unwrap();
    assert_eq!(chosen.matches("\r\n").count(), 2, "the paid one");

    let organizer = UserId::new(t.db.count("select organizer_id from events").await);
    let own = TestTokens::of(organizer, Role::Organizer, &t.clock);
    assert_eq!(file("/api/v1/payments/export", &own).await, text);
    let stranger = Rows(&t.db).user("else@example.test", Role::Organizer).await;
    let stranger = TestTokens::of(stranger, Role::Organizer, &t.clock);
    let theirs = format!("/api/v1/payments/export?eventId={event}");
    for path in ["/api/v1/payments/export", &theirs] {
        assert_eq!(file(path, &stranger).await.matches("\r\n").count(), 1, "{path}");
    }
    assert_eq!(
        api.get("/api/v1/payments/export", Some(&t.token))
            .await
            .error(403),
        "forbidden"
    );
}

#[tokio::test]
async fn an_export_goes_on_where_its_file_is_full() {
    let t = Setup::new(150_000, 10).await;
    let payments = three_payments(&t, &t.api()).await;
    let ids: Vec<i64> = payments
        .iter()
        .map(|payment| payment["id"].as_i64().unwrap())
        .collect();
    let db = t.db.db();
    let conn = db.conn().await.unwrap();
    let filter = db::payments::Filter::default();
    let mut after = None;
    for (expected, more) in [(&ids[..2], true), (&ids[2..], false)] {
        let (rows, told) = db::payments::export(&conn, &filter, None, after, 2)
            .await
            .unwrap();
        let exported: Vec<i64> = rows.iter().map(|row| row.id.get()).collect();
        assert_eq!((exported.as_slice(), told), (expected, more));
        after = rows.last().map(|row| row.id);
    }
}

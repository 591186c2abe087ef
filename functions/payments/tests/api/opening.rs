//! How a payment is begun, and what is refused.

use super::*;

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
            "redirectUrl",
            "method",
            "transfer",
            "seats",
            "paidTwice"
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

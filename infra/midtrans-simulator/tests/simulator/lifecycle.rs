//! From a token to money, and the other ways a payment can go.

use serde_json::{Value, json};

use crate::support::{Bench, has_good_signature};

#[tokio::test]
async fn a_virtual_account_payment_is_told_step_by_step() {
    let bench = Bench::new().await;
    bench
        .token(
            "ORD-1",
            145_000,
            json!({"custom_field1": "org:demo", "metadata": {"k": "v"}}),
        )
        .await;
    let pending = bench.act("ORD-1", "bca_va", "pending").await;
    assert_eq!(
        (&pending["transaction_status"], &pending["status_code"]),
        (&json!("pending"), &json!("201"))
    );
    let status = bench.status("ORD-1").await;
    assert_eq!(
        (&status["status_code"], &status["transaction_status"]),
        (&json!("201"), &json!("pending"))
    );

    let paid = bench.pay("ORD-1", "bca_va").await;
    assert_eq!(paid["transaction_id"], pending["transaction_id"]);
    assert_eq!(bench.told(2).await, ["201 pending", "200 settlement"]);
    let message = &bench.receiver.messages()[1];
    assert_eq!(message.headers["user-agent"], "Veritrans");
    assert_eq!(message.headers["content-type"], "application/json");
    assert_eq!(
        (message.method.as_str(), message.path.as_str()),
        ("POST", "/notifications")
    );
    assert_eq!(message.body["gross_amount"], "145000.00");
    assert_eq!(message.body["merchant_id"], "G000000001");
    assert_eq!(message.body["custom_field1"], "org:demo");
    assert_eq!(message.body["metadata"], json!({"k": "v"}));
    assert_eq!(message.body["transaction_id"], pending["transaction_id"]);

    let by_order = bench.status("ORD-1").await;
    let by_transaction = bench.status(pending["transaction_id"].as_str().unwrap()).await;
    assert_eq!(by_order, by_transaction);
    assert_eq!(
        (&by_order["status_code"], &by_order["transaction_status"]),
        (&json!("200"), &json!("settlement"))
    );
    assert_eq!(
        by_order["signature_key"], message.body["signature_key"],
        "same code, same signature"
    );
}

#[tokio::test]
async fn a_card_is_captured_first_and_settles_later() {
    let bench = Bench::new().await;
    bench
        .token("C", 150_000, json!({"credit_card": {"secure": true}}))
        .await;
    assert_eq!(
        bench.pay("C", "credit_card").await["transaction_status"],
        "capture"
    );
    let early = bench.post("/v2/C/refund", json!({"refund_key": "r1"})).await;
    assert_eq!(early.code(), "412", "a capture is cancelled, not refunded");
    bench.admin("POST", "/advance", json!({"order_id": "C"})).await;
    assert_eq!(
        bench.told(3).await,
        ["201 pending", "200 capture", "200 settlement"]
    );
    let again = bench
        .try_admin("POST", "/advance", &json!({"order_id": "C"}))
        .await;
    assert_eq!(again.status, 409);
    assert_eq!(bench.post("/v2/C/cancel", json!({})).await.code(), "412");

    bench.token("D", 150_000, Value::Null).await;
    bench.pay("D", "credit_card").await;
    assert_eq!(bench.post("/v2/D/cancel", json!({})).await.code(), "200");
    assert_eq!(
        bench.told(5).await[3..],
        ["200 capture", "202 cancel"],
        "without 3-D Secure nothing is pending"
    );

    bench.token("E", 150_000, Value::Null).await;
    assert_eq!(
        bench.act("E", "credit_card", "settlement").await["transaction_status"],
        "settlement"
    );
}

#[tokio::test]
async fn a_denied_card_leaves_the_order_open_for_another_attempt() {
    let bench = Bench::new().await;
    bench
        .token("A", 150_000, json!({"credit_card": {"secure": true}}))
        .await;
    let denied = bench
        .admin(
            "POST",
            "/pay",
            json!({"order_id": "A", "card_number": "4911 1111 1111 1113", "method": "credit_card"}),
        )
        .await;
    assert_eq!(
        (&denied["transaction_status"], &denied["status_code"]),
        (&json!("deny"), &json!("202"))
    );
    let paid = bench.pay("A", "gopay").await;
    assert_ne!(denied["transaction_id"], paid["transaction_id"]);
    assert_eq!(
        bench.told(4).await,
        ["201 pending", "202 deny", "201 pending", "200 settlement"]
    );
    let deny = &bench.bodies(2).await[1];
    assert_eq!(
        (&deny["channel_response_code"], &deny["fraud_status"]),
        (&json!("05"), &json!("accept"))
    );
    assert!(deny.get("approval_code").is_none());
    assert_eq!(bench.status("A").await["transaction_status"], "settlement");
    let first = bench.status(denied["transaction_id"].as_str().unwrap()).await;
    assert_eq!(
        (&first["status_code"], &first["transaction_status"]),
        (&json!("202"), &json!("deny"))
    );
    let shown = bench.admin("GET", "/transactions/A", Value::Null).await;
    assert_eq!(
        (shown["transactions"].as_array().unwrap().len(), &shown["paid"]),
        (2, &json!(true))
    );
}

#[tokio::test]
async fn a_challenged_card_is_approved_or_denied() {
    let bench = Bench::new().await;
    for (order, operation, status, fraud) in [
        ("A", "approve", "capture", "accept"),
        ("B", "deny", "deny", "deny"),
    ] {
        bench.token(order, 150_000, Value::Null).await;
        let held = bench.act(order, "credit_card", "challenge").await;
        assert_eq!(
            (&held["status_code"], &held["fraud_status"]),
            (&json!("201"), &json!("challenge"))
        );
        let answer = bench
            .post(&format!("/v2/{order}/{operation}"), json!({}))
            .await
            .json();
        assert_eq!(answer["status_code"], "200");
        assert_eq!(
            (&answer["transaction_status"], &answer["fraud_status"]),
            (&json!(status), &json!(fraud))
        );
        assert_eq!(
            bench
                .post(&format!("/v2/{order}/{operation}"), json!({}))
                .await
                .code(),
            "412"
        );
    }
    assert_eq!(
        bench.told(4).await,
        ["201 capture", "200 capture", "201 capture", "202 deny"]
    );
    bench.token("C", 150_000, Value::Null).await;
    bench.act("C", "credit_card", "challenge").await;
    let ended = bench.admin("POST", "/advance", json!({"order_id": "C"})).await;
    assert_eq!(
        ended["transaction_status"], "cancel",
        "without a review the day ends with a cancellation"
    );
}

#[tokio::test]
async fn a_reserved_payment_is_captured_on_request() {
    let bench = Bench::new().await;
    bench
        .token("A", 150_000, json!({"credit_card": {"type": "authorize"}}))
        .await;
    let reserved = bench.pay("A", "credit_card").await;
    assert_eq!(reserved["transaction_status"], "authorize");
    let id = reserved["transaction_id"].as_str().unwrap();
    let too_much = bench
        .post(
            "/v2/capture",
            json!({"transaction_id": id, "gross_amount": 150_001}),
        )
        .await;
    assert_eq!((too_much.status, too_much.code().as_str()), (400, "400"));
    let captured = bench
        .post(
            "/v2/capture",
            json!({"transaction_id": id, "gross_amount": 100_000}),
        )
        .await
        .json();
    assert_eq!(
        (&captured["transaction_status"], &captured["gross_amount"]),
        (&json!("capture"), &json!("100000.00"))
    );
    assert_eq!(
        bench
            .post("/v2/capture", json!({"transaction_id": id}))
            .await
            .code(),
        "412"
    );
    assert_eq!(bench.told(2).await, ["200 authorize", "200 capture"]);
}

#[tokio::test]
async fn cancel_and_expire_work_while_pending_only() {
    let bench = Bench::new().await;
    for (operation, code, status) in [("cancel", "200", "cancel"), ("expire", "407", "expire")] {
        let path = format!("/v2/{operation}-me/{operation}");
        let order = format!("{operation}-me");
        let missing = bench.post(&path, json!({})).await;
        assert_eq!((missing.status, missing.code().as_str()), (200, "404"));
        bench.token(&order, 10_000, Value::Null).await;
        bench.act(&order, "bca_va", "pending").await;
        let answer = bench.post(&path, json!({})).await;
        assert_eq!((answer.status, answer.code().as_str()), (200, code));
        assert_eq!(answer.json()["transaction_status"], status);
        let again = bench.post(&path, json!({})).await;
        assert_eq!((again.status, again.code().as_str()), (200, "412"));
        assert_eq!(
            again.json()["status_message"],
            "Merchant cannot modify the status of the transaction"
        );
        let found = bench.status(&order).await;
        assert_eq!(
            (&found["status_code"], &found["transaction_status"]),
            (&json!(code), &json!(status))
        );
        assert!(has_good_signature(&found));
    }
    let told = bench.told(4).await;
    assert_eq!(told, ["201 pending", "202 cancel", "201 pending", "202 expire"]);
    let expire = &bench.bodies(4).await[3];
    assert_ne!(
        expire["signature_key"],
        bench.status("expire-me").await["signature_key"],
        "202 there, 407 here"
    );
}

#[tokio::test]
async fn a_payment_expires_by_itself() {
    let bench = Bench::new().await;
    bench
        .token(
            "A",
            10_000,
            json!({"expiry": {"duration": 15, "unit": "minutes"}}),
        )
        .await;
    bench.act("A", "bca_va", "pending").await;
    bench.advance_clock(14 * 60).await;
    assert_eq!(bench.status("A").await["transaction_status"], "pending");
    bench.advance_clock(61).await;
    assert_eq!(bench.told(2).await, ["201 pending", "202 expire"]);
    assert_eq!(bench.status("A").await["status_code"], "407");
    let refused = bench.try_admin("POST", "/pay", &json!({"order_id": "A"})).await;
    assert_eq!(refused.status, 409);
    bench
        .admin("POST", "/pay", json!({"order_id": "A", "late": true}))
        .await;
    assert_eq!(
        bench.told(3).await[2],
        "200 settlement",
        "money may arrive after the end"
    );
}

#[tokio::test]
async fn nothing_needs_to_be_asked_for_an_expiry_to_happen() {
    let bench = Bench::new().await;
    let charge = json!({
        "payment_type": "gopay",
        "transaction_details": {"order_id": "A", "gross_amount": 10_000},
        "custom_expiry": {"expiry_duration": 1, "unit": "second"},
    });
    assert_eq!(bench.post("/v2/charge", charge).await.code(), "201");
    assert_eq!(bench.told(2).await, ["201 pending", "202 expire"]);
}

#[tokio::test]
async fn an_abandoned_card_page_expires_without_closing_the_payment() {
    let bench = Bench::new().await;
    bench
        .token("A", 10_000, json!({"credit_card": {"secure": true}}))
        .await;
    let card = bench.act("A", "credit_card", "pending").await;
    bench.advance_clock(16 * 60).await;
    let paid = bench.pay("A", "bca_va").await;
    assert_ne!(card["transaction_id"], paid["transaction_id"]);
    assert_eq!(
        bench.told(4).await,
        ["201 pending", "202 expire", "201 pending", "200 settlement"]
    );
}

#[tokio::test]
async fn a_customer_may_leave_the_card_page_for_another_method() {
    let bench = Bench::new().await;
    bench
        .token("A", 10_000, json!({"credit_card": {"secure": true}}))
        .await;
    let card = bench.act("A", "credit_card", "pending").await;
    let paid = bench.pay("A", "gopay").await;
    assert_ne!(card["transaction_id"], paid["transaction_id"]);
    bench.advance_clock(16 * 60).await;
    assert_eq!(
        bench.told(4).await,
        ["201 pending", "201 pending", "200 settlement", "202 expire"]
    );
    assert_eq!(
        bench.status("A").await["transaction_status"],
        "settlement",
        "the expiry is about the other attempt"
    );
}

#[tokio::test]
async fn the_attempt_with_money_speaks_for_the_order() {
    let bench = Bench::new().await;
    bench.token("A", 10_000, Value::Null).await;
    let first = bench.act("A", "bca_va", "expire").await;
    bench.token("A", 10_000, Value::Null).await;
    let second = bench.act("A", "gopay", "pending").await;
    assert_eq!(
        bench.status("A").await["transaction_id"],
        second["transaction_id"]
    );
    bench
        .admin("POST", "/pay", json!({"order_id": "A", "late": true}))
        .await;
    assert_eq!(bench.status("A").await["transaction_id"], first["transaction_id"]);
}

#[tokio::test]
async fn an_unused_page_ends_silently() {
    let bench = Bench::new().await;
    bench.token("A", 10_000, Value::Null).await;
    bench.advance_clock(24 * 3600 + 1).await;
    assert_eq!(
        bench
            .try_admin("POST", "/pay", &json!({"order_id": "A"}))
            .await
            .status,
        409
    );
    assert!(bench.receiver.messages().is_empty());
    assert_eq!(bench.status("A").await["status_code"], "404");
}

#[tokio::test]
async fn the_admin_api_says_why_it_refuses() {
    let bench = Bench::new().await;
    let pay = async |body: Value| {
        let reply = bench.try_admin("POST", "/pay", &body).await;
        (reply.status, reply.json()["error"].as_str().unwrap().to_owned())
    };
    assert_eq!(pay(json!({"order_id": "A"})).await.0, 404);
    bench
        .token("A", 10_000, json!({"enabled_payments": ["bca_va", "gopay"]}))
        .await;
    let (status, text) = pay(json!({"order_id": "A", "method": "qris"})).await;
    assert_eq!((status, text.contains("bca_va, gopay")), (409, true), "{text}");
    assert_eq!(pay(json!({"order_id": "A", "method": "cowrie"})).await.0, 400);
    assert_eq!(pay(json!({"order_id": "A", "outcome": "challenge"})).await.0, 400);
    assert_eq!(pay(json!({"order_id": "A", "amount": 1})).await.0, 400);
    assert_eq!(
        bench.status("A").await["status_code"],
        "404",
        "a refused wish leaves nothing behind"
    );
    bench.act("A", "bca_va", "pending").await;
    assert_eq!(pay(json!({"order_id": "A", "method": "gopay"})).await.0, 409);
    bench.pay("A", "bca_va").await;
    assert_eq!(pay(json!({"order_id": "A"})).await.0, 409);
}

#[tokio::test]
async fn a_settled_payment_can_be_charged_back() {
    let bench = Bench::new().await;
    bench.token("A", 10_000, Value::Null).await;
    bench.act("A", "credit_card", "settlement").await;
    bench
        .admin("POST", "/chargeback", json!({"order_id": "A", "amount": 4_000}))
        .await;
    bench.admin("POST", "/chargeback", json!({"order_id": "A"})).await;
    assert_eq!(
        bench.told(4).await[2..],
        ["200 partial_chargeback", "200 chargeback"]
    );
    assert_eq!(
        bench
            .try_admin("POST", "/chargeback", &json!({"order_id": "A"}))
            .await
            .status,
        409
    );
}

#[tokio::test]
async fn reset_forgets_everything() {
    let bench = Bench::new().await;
    bench.token("A", 10_000, Value::Null).await;
    bench.pay("A", "bca_va").await;
    bench.advance_clock(60).await;
    bench.admin("POST", "/reset", Value::Null).await;
    assert_eq!(bench.status("A").await["status_code"], "404");
    assert_eq!(bench.admin("GET", "/transactions", Value::Null).await["total"], 0);
    assert_eq!(
        bench.admin("GET", "/clock", Value::Null).await["ahead_seconds"],
        0
    );
    assert_eq!(bench.admin("GET", "/health", Value::Null).await["status"], "ok");
}

#[tokio::test]
async fn shutdown_frees_the_port() {
    let bench = Bench::new().await;
    let address: std::net::SocketAddr = bench
        .simulator
        .url()
        .trim_start_matches("http://")
        .parse()
        .unwrap();
    bench.get("/v2/A/status").await;
    bench.simulator.shutdown().await;
    tokio::net::TcpListener::bind(address).await.unwrap();
}

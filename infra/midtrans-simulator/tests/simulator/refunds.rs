//! Refunds.

use serde_json::{Value, json};

use crate::support::Bench;

async fn paid(bench: &Bench, order_id: &str, method: &str) {
    bench.token(order_id, 50_000, Value::Null).await;
    bench.act(order_id, method, "settlement").await;
}

async fn refund(bench: &Bench, order_id: &str, body: Value) -> Value {
    let reply = bench.post(&format!("/v2/{order_id}/refund"), body).await;
    assert!(reply.status == 200 || reply.status == 400, "{}", reply.text);
    reply.json()
}

#[tokio::test]
async fn partial_refunds_add_up_to_a_full_one() {
    let bench = Bench::new().await;
    paid(&bench, "A", "gopay").await;
    let first = refund(
        &bench,
        "A",
        json!({"refund_key": "r1", "amount": 20_000, "reason": "one ticket"}),
    )
    .await;
    assert_eq!(first["status_code"], "200");
    assert_eq!(first["status_message"], "Success, refund request is approved");
    assert_eq!(
        (&first["transaction_status"], &first["refund_amount"]),
        (&json!("partial_refund"), &json!("20000.00"))
    );
    assert_eq!(
        (&first["refund_key"], &first["refund_chargeback_id"]),
        (&json!("r1"), &json!(1))
    );
    let too_much = refund(&bench, "A", json!({"refund_key": "r2", "amount": 30_001})).await;
    assert_eq!(too_much["status_code"], "414");
    let second = refund(&bench, "A", json!({"refund_key": "r2"})).await;
    assert_eq!(
        (&second["transaction_status"], &second["refund_amount"]),
        (&json!("refund"), &json!("30000.00")),
        "a failed key may be used again, and the default is all that is left"
    );
    assert_eq!(
        refund(&bench, "A", json!({"refund_key": "r3"})).await["status_code"],
        "412"
    );
    assert_eq!(second["refund_chargeback_id"], 2);
    let status = bench.status("A").await;
    assert_eq!(
        (&status["status_code"], &status["refund_amount"]),
        (&json!("200"), &json!("50000.00"))
    );
    assert_eq!(status["refunds"].as_array().unwrap().len(), 2);
    assert_eq!(status["gross_amount"], "50000.00");
}

#[tokio::test]
async fn every_refund_is_told_twice_and_confirmed_the_second_time() {
    let bench = Bench::new().await;
    paid(&bench, "A", "gopay").await;
    refund(
        &bench,
        "A",
        json!({"refund_key": "r1", "amount": 20_000, "reason": "one ticket"}),
    )
    .await;
    let told = bench.told(4).await;
    assert_eq!(told[2..], ["200 partial_refund", "200 partial_refund"]);
    let bodies = bench.bodies(4).await;
    assert!(bodies[2]["refunds"][0].get("bank_confirmed_at").is_none());
    assert_eq!(bodies[2]["refunds"][0]["reason"], "one ticket");
    assert_eq!(bodies[3]["refunds"][0]["refund_method"], "online");
    assert!(bodies[3]["refunds"][0]["bank_confirmed_at"].is_string());
    assert_eq!(bodies[3]["refund_amount"], "20000.00");
}

#[tokio::test]
async fn a_refund_key_is_used_once() {
    let bench = Bench::new().await;
    paid(&bench, "A", "gopay").await;
    let first = refund(&bench, "A", json!({"refund_key": "r1", "amount": 10_000})).await;
    let again = refund(&bench, "A", json!({"refund_key": "r1", "amount": 10_000})).await;
    assert_eq!(
        (&again["status_code"], &again["status_message"]),
        (&json!("406"), &json!("Duplicate refund ID"))
    );
    bench
        .faults(json!({"body": {"replay_original_refund": true}}))
        .await;
    assert_eq!(
        refund(&bench, "A", json!({"refund_key": "r1", "amount": 10_000})).await,
        first
    );
    assert_eq!(bench.status("A").await["refund_amount"], "10000.00");
}

#[tokio::test]
async fn methods_differ_in_what_they_allow() {
    let bench = Bench::new().await;
    let cases = [
        ("bca_va", 50_000, "412"),
        ("echannel", 50_000, "412"),
        ("permata_va", 50_000, "412"),
        ("indomaret", 50_000, "412"),
        ("gopay", 10_000, "200"),
        ("qris", 10_000, "200"),
        ("credit_card", 10_000, "200"),
        ("shopeepay", 10_000, "414"),
        ("shopeepay", 50_000, "200"),
        ("ovo", 10_000, "414"),
        ("ovo", 50_000, "200"),
        ("dana", 10_000, "200"),
    ];
    for (place, (method, amount, code)) in cases.into_iter().enumerate() {
        let order = format!("O-{place}");
        paid(&bench, &order, method).await;
        let answer = refund(&bench, &order, json!({"refund_key": "r", "amount": amount})).await;
        assert_eq!(answer["status_code"], code, "{method} {amount}: {answer}");
    }
}

#[tokio::test]
async fn unpaid_and_unknown_orders_cannot_be_refunded() {
    let bench = Bench::new().await;
    assert_eq!(refund(&bench, "A", json!({})).await["status_code"], "404");
    bench.token("A", 50_000, Value::Null).await;
    bench.act("A", "gopay", "pending").await;
    assert_eq!(
        refund(&bench, "A", json!({"refund_key": "r"})).await["status_code"],
        "412"
    );
}

#[tokio::test]
async fn a_refund_comes_too_late_after_the_methods_window() {
    let bench = Bench::new().await;
    paid(&bench, "A", "gopay").await;
    bench.advance_clock(45 * 24 * 3600 + 60).await;
    assert_eq!(
        refund(&bench, "A", json!({"refund_key": "r"})).await["status_code"],
        "412"
    );
}

#[tokio::test]
async fn requests_are_validated() {
    let bench = Bench::new().await;
    paid(&bench, "A", "gopay").await;
    let answer = refund(
        &bench,
        "A",
        json!({"refund_key": "no spaces", "amount": "5", "reason": "x".repeat(256)}),
    )
    .await;
    assert_eq!(answer["status_code"], "400");
    assert_eq!(answer["validation_messages"].as_array().unwrap().len(), 3);
    assert_eq!(
        refund(&bench, "A", json!({"refund_key": "r", "amount": 0})).await["status_code"],
        "414"
    );
}

#[tokio::test]
async fn a_direct_refund_is_confirmed_at_once_and_told_once() {
    let bench = Bench::new().await;
    paid(&bench, "A", "gopay").await;
    let direct = async |key: &str, amount: i64| {
        bench
            .post(
                "/v2/A/refund/online/direct",
                json!({"refund_key": key, "amount": amount}),
            )
            .await
            .json()
    };
    let first = direct("r1", 10_000).await;
    assert_eq!(
        first["status_message"],
        "Success, refund request is approved by the bank"
    );
    assert_eq!(
        direct("r2", 5_000).await["refund_amount"],
        "15000.00",
        "cumulative here"
    );
    let bodies = bench.bodies(4).await;
    assert!(bodies[2]["refunds"][0]["bank_confirmed_at"].is_string());
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    assert_eq!(bench.receiver.messages().len(), 4);

    paid(&bench, "B", "dana").await;
    let refused = bench
        .post("/v2/B/refund/online/direct", json!({"refund_key": "r"}))
        .await;
    assert_eq!(refused.code(), "412");
}

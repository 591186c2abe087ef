//! Faults of notifications and of message bodies.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Bench, call, has_good_signature};

async fn pay(bench: &Bench, order_id: &str, method: &str) {
    bench.token(order_id, 10_000, Value::Null).await;
    bench.pay(order_id, method).await;
}

async fn states(bench: &Bench, count: usize) -> Vec<String> {
    let bodies = bench.bodies(count).await;
    bodies
        .iter()
        .map(|body| body["transaction_status"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn duplicates() {
    let bench = Bench::new().await;
    bench
        .faults(json!({"notifications": {"duplicate": 2, "status": "settlement"}}))
        .await;
    pay(&bench, "A", "gopay").await;
    assert_eq!(
        bench.told(4).await,
        [
            "201 pending",
            "200 settlement",
            "200 settlement",
            "200 settlement"
        ]
    );
    let bodies = bench.bodies(4).await;
    assert_eq!(bodies[1], bodies[3]);
}

#[tokio::test]
async fn dropped_messages_are_in_the_history_only() {
    let bench = Bench::new().await;
    bench
        .faults(json!({"notifications": {"drop": true, "times": 1, "status": "settlement"}}))
        .await;
    pay(&bench, "A", "gopay").await;
    pay(&bench, "B", "gopay").await;
    bench.receiver.wait_for(3).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let arrived = bench.receiver.messages();
    assert_eq!(arrived.len(), 3);
    assert!(
        !arrived
            .iter()
            .any(|message| message.body["order_id"] == "A" && message.body["status_code"] == "200")
    );
    assert_eq!(
        bench.status("A").await["transaction_status"],
        "settlement",
        "the payment itself is real"
    );
    let history = bench
        .admin("GET", "/notifications?order_id=A&status=settlement", Value::Null)
        .await;
    assert_eq!(
        (
            &history["notifications"][0]["state"],
            &history["notifications"][0]["faults"]
        ),
        (&json!("dropped"), &json!(["drop"]))
    );
}

#[tokio::test]
async fn wrong_signatures() {
    let bench = Bench::new().await;
    bench
        .faults(json!({"notifications": {"wrong_signature": true, "times": 1}}))
        .await;
    pay(&bench, "A", "gopay").await;
    let bodies = bench.bodies(2).await;
    assert!(!has_good_signature(&bodies[0]));
    assert_eq!(bodies[0]["signature_key"].as_str().unwrap().len(), 128);
    assert!(has_good_signature(&bodies[1]), "used up");
}

#[tokio::test]
async fn a_delayed_message_is_overtaken() {
    let bench = Bench::new().await;
    bench
        .faults(json!({"notifications": {"delay_ms": 300, "status": "pending"}}))
        .await;
    pay(&bench, "A", "gopay").await;
    assert_eq!(states(&bench, 2).await, ["settlement", "pending"]);
    let messages = bench.receiver.messages();
    assert!(messages[1].at - messages[0].at > Duration::from_millis(200));
}

#[tokio::test]
async fn reordered_messages_swap_places() {
    let bench = Bench::new().await;
    bench
        .faults(json!({"notifications": {"reorder": true, "order_id": "A"}}))
        .await;
    pay(&bench, "A", "gopay").await;
    assert_eq!(states(&bench, 2).await, ["settlement", "pending"]);
    bench.token("B", 10_000, Value::Null).await;
    bench.act("B", "gopay", "pending").await;
    assert_eq!(
        states(&bench, 3).await[2],
        "pending",
        "other orders are not held back"
    );
}

#[tokio::test]
async fn a_held_message_is_sent_alone_after_a_while() {
    let bench = Bench::new().await;
    bench.faults(json!({"notifications": {"reorder": true}})).await;
    bench.token("A", 10_000, Value::Null).await;
    bench.act("A", "gopay", "pending").await;
    assert!(bench.receiver.messages().is_empty());
    assert_eq!(states(&bench, 1).await, ["pending"]);
}

#[tokio::test]
async fn pending_may_be_told_after_settlement() {
    let bench = Bench::new().await;
    bench
        .faults(json!({"notifications": {"pending_after_settlement": true, "after_ms": 50}}))
        .await;
    pay(&bench, "A", "gopay").await;
    assert_eq!(
        bench.told(3).await,
        ["201 pending", "200 settlement", "201 pending"]
    );
    assert!(bench.bodies(3).await[2].get("settlement_time").is_none());
    assert_eq!(bench.status("A").await["transaction_status"], "settlement");
}

#[tokio::test]
async fn a_settlement_may_be_reversed() {
    let bench = Bench::new().await;
    bench
        .faults(json!({"notifications": {"deny_after_settlement": true, "after_ms": 50, "times": 1}}))
        .await;
    pay(&bench, "A", "permata_va").await;
    assert_eq!(bench.told(3).await, ["201 pending", "200 settlement", "202 deny"]);
    let status = bench.status("A").await;
    assert_eq!(
        (&status["transaction_status"], &status["status_code"]),
        (&json!("deny"), &json!("202"))
    );
    let bodies = bench.bodies(3).await;
    assert_eq!(bodies[1]["transaction_id"], bodies[2]["transaction_id"]);
    assert!(bodies[2].get("settlement_time").is_none());
}

#[tokio::test]
async fn a_settlement_may_follow_an_expiry() {
    let bench = Bench::new().await;
    bench
        .faults(json!({"notifications": {"settlement_after_expire": true, "after_ms": 50}}))
        .await;
    bench.token("A", 10_000, Value::Null).await;
    bench.act("A", "bca_va", "expire").await;
    assert_eq!(
        bench.told(3).await,
        ["201 pending", "202 expire", "200 settlement"]
    );
    assert_eq!(bench.status("A").await["transaction_status"], "settlement");
}

#[tokio::test]
async fn a_fee_changes_the_amount_and_is_explained() {
    let bench = Bench::new().await;
    bench
        .faults(json!({"body": {"fee_adjusted_amount": 71, "order_id": "A"}}))
        .await;
    pay(&bench, "A", "qris").await;
    let body = bench.bodies(2).await.pop().unwrap();
    assert_eq!(body["gross_amount"], "10071.00");
    assert_eq!(
        body["metadata"]["extra_info"]["gross_amount_info"],
        json!({"original_amount": 10_000, "gross_amount": 10_071, "customer_imposed_payment_fee": 71})
    );
    assert!(has_good_signature(&body));
    assert_eq!(bench.status("A").await["gross_amount"], "10071.00");
    pay(&bench, "B", "qris").await;
    assert_eq!(bench.status("B").await["gross_amount"], "10000.00");
}

#[tokio::test]
async fn bsi_tells_the_transaction_id_as_order_id() {
    let bench = Bench::new().await;
    bench.faults(json!({"body": {"bsi_order_id_quirk": true}})).await;
    pay(&bench, "A", "bsi_va").await;
    let body = bench.bodies(2).await.pop().unwrap();
    assert_eq!(body["order_id"], body["transaction_id"]);
    assert!(has_good_signature(&body));
    assert_eq!(
        bench.status(body["transaction_id"].as_str().unwrap()).await["order_id"],
        "A"
    );
    pay(&bench, "B", "bca_va").await;
    assert_eq!(bench.bodies(4).await[3]["order_id"], "B");
}

#[tokio::test]
async fn states_may_be_capitalised_and_codes_numbers() {
    let bench = Bench::new().await;
    bench
        .faults(json!({"body": [{"capitalised_status": true}, {"integer_status_code": true}]}))
        .await;
    pay(&bench, "A", "dana").await;
    let body = bench.bodies(2).await.pop().unwrap();
    assert_eq!(
        (&body["transaction_status"], &body["status_code"]),
        (&json!("SETTLEMENT"), &json!(200))
    );
    let status = bench.status("A").await;
    assert_eq!(
        (&status["transaction_status"], &status["status_code"]),
        (&json!("SETTLEMENT"), &json!(200))
    );
}

#[tokio::test]
async fn a_wrong_key_may_be_answered_with_http_200() {
    let bench = Bench::new().await;
    bench
        .faults(json!({"body": {"core_401_as_http_200": true}}))
        .await;
    let reply = call(
        "GET",
        &bench.url("/v2/A/status"),
        &[("authorization", "Basic d3Jvbmc6")],
        "",
    )
    .await
    .unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (200, "401"));
}

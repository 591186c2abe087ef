//! `Idempotency-Key`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Bench, Reply, snap_request};

async fn create(bench: &Bench, order_id: &str, key: &str) -> Reply {
    let body = snap_request(order_id, 10_000, &Value::Null);
    bench
        .try_api(
            "POST",
            "/snap/v1/transactions",
            &[("idempotency-key", key)],
            &body,
        )
        .await
        .unwrap()
}

#[tokio::test]
async fn a_repeated_key_gets_the_first_answer_whatever_is_asked() {
    let bench = Bench::new().await;
    let first = create(&bench, "A", "key-1").await;
    let second = create(&bench, "B", "key-1").await;
    assert_eq!((second.status, &second.text), (201, &first.text));
    assert_eq!(bench.admin("GET", "/transactions", Value::Null).await["total"], 1);
    assert_ne!(create(&bench, "C", "key-2").await.text, first.text);

    bench.advance_clock(299).await;
    assert_eq!(create(&bench, "A", "key-1").await.text, first.text);
    bench.advance_clock(2).await;
    assert_ne!(
        create(&bench, "A", "key-1").await.text,
        first.text,
        "kept for five minutes only"
    );
}

#[tokio::test]
async fn only_success_is_kept_and_long_keys_are_ignored() {
    let bench = Bench::new().await;
    assert_eq!(create(&bench, &"A".repeat(51), "key").await.status, 400);
    assert_eq!(create(&bench, "A", "key").await.status, 201);

    let long = "k".repeat(47);
    let first = create(&bench, "B", &long).await;
    assert_ne!(create(&bench, "B", &long).await.text, first.text);
}

#[tokio::test]
async fn a_request_still_running_is_answered_with_202() {
    let bench = Bench::new().await;
    bench
        .faults(json!({"snap_create": {"delay_ms": 1_500, "times": 1}}))
        .await;
    let (first, second) = tokio::join!(create(&bench, "A", "key"), async {
        while bench.admin("GET", "/requests", Value::Null).await["requests"] == json!([]) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        create(&bench, "A", "key").await
    });
    assert_eq!((first.status, second.status), (201, 202));
    assert_eq!(create(&bench, "A", "key").await.text, first.text);
}

#[tokio::test]
async fn a_lost_answer_can_be_fetched_again() {
    let bench = Bench::new().await;
    bench.token("A", 10_000, Value::Null).await;
    bench.pay("A", "gopay").await;
    bench
        .faults(json!({"core": {"operation": "refund", "lose_reply": true, "times": 1}}))
        .await;
    let headers = [("idempotency-key", "refund-1")];
    let body = json!({"refund_key": "r1", "amount": 4_000});
    assert!(
        bench
            .try_api("POST", "/v2/A/refund", &headers, &body)
            .await
            .is_err()
    );
    let reply = bench
        .try_api("POST", "/v2/A/refund", &headers, &body)
        .await
        .unwrap();
    assert_eq!(
        (reply.code().as_str(), &reply.json()["refund_amount"]),
        ("200", &json!("4000.00"))
    );
    assert_eq!(
        bench.status("A").await["refund_amount"],
        "4000.00",
        "refunded once"
    );
    let journal = bench
        .admin("GET", "/requests?operation=refund", Value::Null)
        .await;
    assert_eq!(
        journal["requests"][0]["outcome"],
        json!({"kind": "connection_closed", "carried_out": true})
    );
    assert_eq!(journal["requests"][1]["outcome"]["replayed"], true);
}

#[tokio::test]
async fn some_methods_do_not_support_keys() {
    let bench = Bench::new().await;
    let charge = async |order_id: &str| {
        let body = json!({
            "payment_type": "cstore",
            "transaction_details": {"order_id": order_id, "gross_amount": 10_000},
            "cstore": {"store": "indomaret"},
        });
        bench
            .try_api("POST", "/v2/charge", &[("idempotency-key", "key")], &body)
            .await
            .unwrap()
    };
    assert_eq!(charge("A").await.json()["order_id"], "A");
    assert_eq!(charge("B").await.json()["order_id"], "B");
}

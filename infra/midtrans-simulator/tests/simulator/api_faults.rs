//! Faults of API calls.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::Bench;

#[tokio::test]
async fn outages_answer_with_an_error_and_do_nothing() {
    let bench = Bench::new().await;
    for status in [500, 503, 429] {
        bench
            .faults(json!({"snap_create": {"respond": status}, "core": {"respond": status}}))
            .await;
        let snap = bench.snap("A", 10_000, Value::Null).await;
        assert_eq!(snap.status, status);
        assert!(snap.json()["error_messages"].is_array());
        let core = bench.get("/v2/A/status").await;
        assert_eq!((core.status, core.code()), (status, status.to_string()));
    }
    bench.admin("DELETE", "/faults", Value::Null).await;
    assert_eq!(bench.admin("GET", "/transactions", Value::Null).await["total"], 0);
    bench.token("A", 10_000, Value::Null).await;
}

#[tokio::test]
async fn an_outage_can_be_limited_to_an_order_an_operation_and_a_number_of_calls() {
    let bench = Bench::new().await;
    for order in ["A", "B"] {
        bench.token(order, 10_000, Value::Null).await;
        bench.act(order, "gopay", "pending").await;
    }
    bench
        .faults(json!({"core": {"respond": 503, "operation": "cancel", "order_id": "A", "times": 1}}))
        .await;
    assert_eq!(bench.get("/v2/A/status").await.status, 200);
    assert_eq!(bench.post("/v2/B/cancel", json!({})).await.status, 200);
    let id = bench.status("A").await["transaction_id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        bench.post(&format!("/v2/{id}/cancel"), json!({})).await.status,
        503,
        "found by transaction id, too"
    );
    assert_eq!(
        bench.admin("GET", "/faults", Value::Null).await["core"],
        json!([])
    );
    assert_eq!(bench.post("/v2/A/cancel", json!({})).await.code(), "200");
}

#[tokio::test]
async fn slow_answers_come_in_the_end() {
    let bench = Bench::new().await;
    bench.faults(json!({"snap_create": {"delay_ms": 300}})).await;
    let started = Instant::now();
    bench.token("A", 10_000, Value::Null).await;
    assert!(started.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_call_is_carried_out_even_if_the_client_gives_up() {
    let bench = Bench::new().await;
    bench.faults(json!({"snap_create": {"delay_ms": 300}})).await;
    let call = bench.snap("A", 10_000, Value::Null);
    assert!(
        tokio::time::timeout(Duration::from_millis(100), call)
            .await
            .is_err()
    );
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(bench.admin("GET", "/transactions", Value::Null).await["total"], 1);
}

#[tokio::test]
async fn a_hanging_call_does_nothing_and_is_never_answered() {
    let bench = Bench::new().await;
    bench.faults(json!({"core": {"hang": true, "times": 1}})).await;
    let call = bench.post("/v2/charge", charge("A"));
    assert!(
        tokio::time::timeout(Duration::from_millis(300), call)
            .await
            .is_err()
    );
    assert_eq!(bench.status("A").await["status_code"], "404");
    let journal = bench
        .admin("GET", "/requests?operation=charge", Value::Null)
        .await;
    assert_eq!(
        journal["requests"][0]["outcome"],
        json!({"kind": "left_hanging", "carried_out": false})
    );
}

#[tokio::test]
async fn a_dropped_connection_gives_no_answer() {
    let bench = Bench::new().await;
    bench.faults(json!({"core": {"drop": true, "times": 1}})).await;
    assert!(
        bench
            .try_api("POST", "/v2/charge", &[], &charge("A"))
            .await
            .is_err()
    );
    assert_eq!(bench.status("A").await["status_code"], "404");
}

#[tokio::test]
async fn a_charge_may_happen_although_its_answer_is_lost() {
    let bench = Bench::new().await;
    bench
        .faults(json!({"core": {"lose_reply": true, "operation": "charge"}}))
        .await;
    assert!(
        bench
            .try_api("POST", "/v2/charge", &[], &charge("A"))
            .await
            .is_err()
    );
    assert_eq!(bench.status("A").await["transaction_status"], "pending");
    assert_eq!(bench.told(1).await, ["201 pending"]);
}

#[tokio::test]
async fn an_answer_may_be_cut_off() {
    let bench = Bench::new().await;
    bench
        .faults(json!({"snap_create": {"malformed_json": true, "times": 1}}))
        .await;
    let reply = bench.snap("A", 10_000, Value::Null).await;
    assert_eq!(reply.status, 201);
    assert!(
        serde_json::from_str::<Value>(&reply.text).is_err(),
        "{}",
        reply.text
    );
    assert_eq!(bench.admin("GET", "/transactions", Value::Null).await["total"], 1);
}

#[tokio::test]
async fn mistaken_faults_are_refused() {
    let bench = Bench::new().await;
    let reply = bench
        .try_admin("PUT", "/faults", &json!({"snap_creat": {}}))
        .await;
    assert_eq!(reply.status, 400);
    assert!(reply.json()["error"].as_str().unwrap().contains("snap_creat"));
}

fn charge(order_id: &str) -> Value {
    json!({
        "payment_type": "gopay",
        "transaction_details": {"order_id": order_id, "gross_amount": 10_000},
    })
}

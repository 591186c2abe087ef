use axum::body::Body;
use domain::message::{Envelope, Outgoing, PaymentNotice, Queue};
use midtrans_webhook::{App, router};
use queue::Publisher;
use runtime::{Clock, Secret};
use serde_json::{Value, json};
use std::sync::Arc;
use testkit::{Api, Reply, start};
use web::Site;

const KEY: &str = "SB-Mid-server-TESTKEY";

/// The router, and a view on the messages it sends.
fn api() -> Api {
    let app = App {
        queue: Arc::new(Publisher::in_memory()),
        server_key: Secret::new(KEY),
        clock: Clock::set_to(start()),
    };
    Api::new(router(app, Site::default()))
}

/// A notification signed with the key of the tests.
fn signed(order: &str, code: &str, amount: &str, status: &str) -> Value {
    let text = format!("{order}{code}{amount}{KEY}");
    let hash = ring::digest::digest(&ring::digest::SHA512, text.as_bytes());
    json!({
        "order_id": order, "status_code": code, "gross_amount": amount, "transaction_status": status, "currency": "IDR",
        "signature_key": runtime::random::to_hex(hash.as_ref()), "transaction_id": "22222222-2222-4222-8222-222222222201",
        "transaction_time": "2030-01-01 19:00:00", "payment_type": "bank_transfer", "fraud_status": "accept",
    })
}

async fn notify(api: &Api, body: Value) -> Reply {
    api.post("/api/v1/payments/notifications", None, body).await
}

#[tokio::test]
async fn a_signed_notification_is_queued_as_it_came() {
    let queue = Arc::new(Publisher::in_memory());
    let app = App {
        queue: queue.clone(),
        server_key: Secret::new(KEY),
        clock: Clock::set_to(start()),
    };
    let api = Api::new(router(app, Site::default()));
    let body = signed("ORDER-1", "200", "150000.00", "settlement");
    notify(&api, body.clone()).await.data(200);
    let sent = queue.take_sent();
    let [
        Outgoing {
            queue: Queue::PaymentNotifications,
            body: sent,
            ..
        },
    ] = sent.as_slice()
    else {
        panic!("{sent:?}")
    };
    let envelope: Envelope<PaymentNotice> = serde_json::from_str(sent).unwrap();
    assert_eq!(envelope.body.order_code, "ORDER-1");
    assert_eq!(envelope.body.transaction_status, "settlement");
    assert_eq!(envelope.body.received_at, start());
    assert_eq!(serde_json::from_str::<Value>(&envelope.body.raw).unwrap(), body);
}

#[tokio::test]
async fn forgeries_are_refused() {
    let api = api();
    let good = signed("ORDER-1", "200", "150000.00", "settlement");
    for (field, value) in [
        ("gross_amount", json!("1.00")),
        ("gross_amount", json!("150000")),
        ("order_id", json!("ORDER-2")),
        ("status_code", json!("201")),
        ("signature_key", json!("")),
        ("signature_key", json!("0".repeat(128))),
    ] {
        let mut forged = good.clone();
        forged[field] = value;
        assert_eq!(
            notify(&api, forged).await.error(401),
            "unauthenticated",
            "{field}"
        );
    }
    for field in [
        "signature_key",
        "order_id",
        "gross_amount",
        "status_code",
        "transaction_status",
    ] {
        let mut cut = good.clone();
        cut.as_object_mut().unwrap().remove(field);
        assert_eq!(
            notify(&api, cut).await.error(400),
            "malformed_notification",
            "{field}"
        );
    }
    for body in ["", "[]", "null", "{", "\"x\""] {
        let request = http::Request::post("/api/v1/payments/notifications")
            .body(Body::from(body))
            .unwrap();
        assert_eq!(
            api.send(request).await.error(400),
            "malformed_notification",
            "{body}"
        );
    }
    let request = http::Request::post("/api/v1/payments/notifications")
        .body(Body::from("x".repeat(70_000)))
        .unwrap();
    assert_eq!(api.send(request).await.error(413), "body_too_large");
    let odd = signed("ORDER-1", "200", "1.5", "settlement");
    assert_eq!(notify(&api, odd).await.error(400), "invalid_input");
}

#[tokio::test]
async fn the_test_button_of_the_dashboard_is_answered_and_not_queued() {
    let queue = Arc::new(Publisher::in_memory());
    let app = App {
        queue: queue.clone(),
        server_key: Secret::new(KEY),
        clock: Clock::system(),
    };
    let api = Api::new(router(app, Site::default()));
    notify(
        &api,
        signed(
            "payment_notif_test_G000000001_1",
            "200",
            "105000.00",
            "settlement",
        ),
    )
    .await
    .data(200);
    assert!(queue.take_sent().is_empty());
}

#[tokio::test]
async fn the_example_event_is_signed_with_the_key_of_the_tests() {
    api()
        .event("http/midtrans-webhook/receive_notification.json", None)
        .await
        .data(200);
}

//! Delivery of notifications: where they go, retries, redirects, and what the admin API can send.

use std::time::Duration;

use serde_json::{Value, json};

use crate::receiver::{Answer, Receiver};
use crate::support::{Bench, has_good_signature, snap_request};

/// Pays an order in one step that causes a single notification (a card without 3-D Secure).
async fn pay(bench: &Bench, order_id: &str) {
    bench.token(order_id, 10_000, Value::Null).await;
    bench.pay(order_id, "credit_card").await;
}

async fn history(bench: &Bench, order_id: &str) -> Vec<Value> {
    let body = bench
        .admin("GET", &format!("/notifications?order_id={order_id}"), Value::Null)
        .await;
    body["notifications"].as_array().unwrap().clone()
}

/// Waits until the delivery of the order's only notification has ended, and returns it.
async fn outcome(bench: &Bench, order_id: &str) -> Value {
    for _ in 0..200 {
        let last = history(bench, order_id).await.pop().unwrap();
        if matches!(last["state"].as_str(), Some("delivered" | "failed")) {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("still under way: {:?}", history(bench, order_id).await);
}

fn statuses(delivery: &Value) -> Vec<Value> {
    delivery["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| attempt["status"].clone())
        .collect()
}

/// Scale at which the whole retry table takes a fraction of a second.
const FAST: f64 = 0.000_01;

#[tokio::test]
async fn the_answer_decides_how_often_it_is_tried_again() {
    for (status, tries) in [
        (500, 2),
        (503, 5),
        (400, 3),
        (404, 3),
        (301, 1),
        (302, 1),
        (303, 1),
        (401, 6),
        (429, 6),
    ] {
        let bench = Bench::with(|config| config.retry_scale = FAST).await;
        bench
            .receiver
            .answer(std::iter::repeat_n(Answer::Status(status), 10));
        pay(&bench, "A").await;
        let delivery = outcome(&bench, "A").await;
        assert_eq!(
            (delivery["state"].as_str().unwrap(), statuses(&delivery).len()),
            ("failed", tries),
            "{status}"
        );
    }
}

#[tokio::test]
async fn trying_again_ends_with_success() {
    let bench = Bench::with(|config| config.retry_scale = FAST).await;
    bench
        .receiver
        .answer([Answer::Status(503), Answer::CloseConnection, Answer::Status(204)]);
    pay(&bench, "A").await;
    let delivery = outcome(&bench, "A").await;
    assert_eq!(delivery["state"], "delivered");
    assert_eq!(statuses(&delivery), [json!(503), Value::Null, json!(204)]);
    assert!(delivery["attempts"][1]["error"].is_string());
    let messages = bench.receiver.messages();
    assert_eq!(messages[0].body, messages[2].body, "the same message each time");
}

#[tokio::test]
async fn pauses_grow_as_in_the_table() {
    // 2 and 10 minutes become about 0.06 to 0.24 and 1.2 seconds.
    let bench = Bench::with(|config| config.retry_scale = 0.002).await;
    bench.receiver.answer(std::iter::repeat_n(Answer::Status(404), 3));
    pay(&bench, "A").await;
    let messages = bench.receiver.wait_for(3).await;
    let first = messages[1].at - messages[0].at;
    let second = messages[2].at - messages[1].at;
    // No upper limits: a busy machine may be late, but nothing may be early.
    assert!(first >= Duration::from_millis(60), "{first:?}");
    assert!(second >= Duration::from_millis(1_100), "{second:?}");
}

#[tokio::test]
async fn a_slow_receiver_counts_as_failed() {
    let bench = Bench::with(|config| {
        config.retry_scale = FAST;
        config.notification_timeout = Duration::from_millis(100);
    })
    .await;
    bench.receiver.answer([Answer::Never]);
    pay(&bench, "A").await;
    let delivery = outcome(&bench, "A").await;
    assert_eq!(
        (&delivery["state"], &delivery["attempts"][0]["error"]),
        (&json!("delivered"), &json!("no answer in time"))
    );
}

#[tokio::test]
async fn a_receiver_that_is_down_is_tried_six_times() {
    let bench = Bench::with(|config| {
        config.retry_scale = FAST;
        config.notification_url = Some("http://127.0.0.1:1/nobody".to_owned());
    })
    .await;
    pay(&bench, "A").await;
    let delivery = outcome(&bench, "A").await;
    assert_eq!(
        (&delivery["state"], statuses(&delivery).len()),
        (&json!("failed"), 6)
    );
}

#[tokio::test]
async fn permanent_redirects_that_keep_the_method_are_followed() {
    let bench = Bench::new().await;
    let elsewhere = Receiver::start().await;
    bench.receiver.answer([
        Answer::Redirect(307, "/moved".to_owned()),
        Answer::Redirect(308, elsewhere.url("/final")),
    ]);
    pay(&bench, "A").await;
    let arrived = elsewhere.wait_for(1).await;
    assert_eq!(
        (arrived[0].method.as_str(), arrived[0].path.as_str()),
        ("POST", "/final")
    );
    assert!(has_good_signature(&arrived[0].body));
    let delivery = outcome(&bench, "A").await;
    assert_eq!(statuses(&delivery), [json!(200)]);
    assert_eq!(
        delivery["attempts"][0]["redirects"],
        json!([bench.receiver.url("/moved"), elsewhere.url("/final")])
    );

    bench
        .receiver
        .answer([Answer::Redirect(302, elsewhere.url("/lost"))]);
    pay(&bench, "B").await;
    assert_eq!(outcome(&bench, "B").await["state"], "failed");
    assert_eq!(elsewhere.messages().len(), 1, "a 302 is not followed");
}

#[tokio::test]
async fn endless_redirects_are_given_up() {
    let bench = Bench::with(|config| config.retry_scale = FAST).await;
    bench
        .receiver
        .answer(std::iter::repeat_n(Answer::Redirect(307, "/again".to_owned()), 6));
    pay(&bench, "A").await;
    let delivery = outcome(&bench, "A").await;
    assert_eq!(delivery["attempts"][0]["error"], "more than 5 redirects");
    assert_eq!(delivery["attempts"][1]["status"], 200);
}

#[tokio::test]
async fn headers_of_the_request_choose_other_receivers() {
    let bench = Bench::new().await;
    let (first, second) = (Receiver::start().await, Receiver::start().await);
    let create = async |order_id: &str, headers: &[(&str, &str)]| {
        let body = snap_request(order_id, 10_000, &Value::Null);
        bench
            .try_api("POST", "/snap/v1/transactions", headers, &body)
            .await
            .unwrap();
        bench.pay(order_id, "credit_card").await;
    };
    let both = format!("{}, {}", first.url("/1"), second.url("/2"));
    create("OVERRIDE", &[("x-override-notification", &both)]).await;
    first.wait_for(1).await;
    second.wait_for(1).await;
    create("APPEND", &[("x-append-notification", &first.url("/1"))]).await;
    assert_eq!(first.wait_for(2).await[1].body["order_id"], "APPEND");
    assert_eq!(
        bench.receiver.wait_for(1).await[0].body["order_id"],
        "APPEND",
        "overridden messages go elsewhere"
    );

    let append = second.url("/2");
    create(
        "BOTH",
        &[
            ("x-override-notification", &first.url("/1")),
            ("x-append-notification", &append),
        ],
    )
    .await;
    assert_eq!(first.wait_for(3).await[2].body["order_id"], "BOTH");
    let four = [
        first.url("/3"),
        first.url("/4"),
        first.url("/5"),
        second.url("/6"),
    ]
    .join(",");
    create("FOUR", &[("x-override-notification", &four)]).await;
    first.wait_for(6).await;
    assert_eq!(
        second.messages().len(),
        1,
        "override wins over append, and three URLs are the limit"
    );
}

#[tokio::test]
async fn notifications_of_one_order_arrive_in_order() {
    let bench = Bench::new().await;
    for place in 0..20 {
        let order = format!("O-{place}");
        bench.token(&order, 10_000, Value::Null).await;
        bench.act(&order, "gopay", "settlement").await;
    }
    let bodies = bench.bodies(40).await;
    for place in 0..20 {
        let order = json!(format!("O-{place}"));
        let states: Vec<&Value> = bodies
            .iter()
            .filter(|body| body["order_id"] == order)
            .map(|body| &body["transaction_status"])
            .collect();
        assert_eq!(states, ["pending", "settlement"]);
    }
}

#[tokio::test]
async fn extra_notifications_can_be_sent_tampered_and_unsigned() {
    let bench = Bench::new().await;
    pay(&bench, "A").await;
    bench.receiver.wait_for(1).await;
    let send = async |body: Value| {
        let known = bench.receiver.messages().len();
        bench.admin("POST", "/notify", body).await;
        bench.receiver.wait_for(known + 1).await.pop().unwrap().body
    };
    let plain = send(json!({"order_id": "A"})).await;
    assert_eq!(plain, bench.receiver.messages()[0].body);
    let tampered = send(json!({"order_id": "A", "override": {"transaction_status": "settlement"}})).await;
    assert_eq!(tampered["transaction_status"], "settlement");
    assert!(
        has_good_signature(&tampered),
        "the signature does not cover the state"
    );
    assert!(!has_good_signature(
        &send(json!({"order_id": "A", "override": {"gross_amount": "1.00"}})).await
    ));
    let signed = send(json!({"order_id": "A", "set": {"gross_amount": "1.00"}})).await;
    assert_eq!(
        (has_good_signature(&signed), &signed["gross_amount"]),
        (true, &json!("1.00"))
    );
    let wrong = send(json!({"order_id": "A", "sign": "wrong"})).await;
    assert_eq!(
        (
            has_good_signature(&wrong),
            wrong["signature_key"].as_str().unwrap().len()
        ),
        (false, 128)
    );
    assert!(
        send(json!({"order_id": "A", "sign": "missing"}))
            .await
            .get("signature_key")
            .is_none()
    );
    assert_eq!(
        bench.status("A").await["transaction_status"],
        "capture",
        "the state is untouched"
    );
    assert_eq!(
        bench
            .try_admin("POST", "/notify", &json!({"order_id": "B"}))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn the_dashboards_test_message_is_about_an_order_that_does_not_exist() {
    let bench = Bench::new().await;
    let order_id = "payment_notif_test_G000000001_1";
    bench
        .admin("POST", "/notify", json!({"order_id": order_id}))
        .await;
    let body = &bench.bodies(1).await[0];
    assert_eq!(body["order_id"], order_id);
    assert!(has_good_signature(body));
    assert_eq!(bench.status(order_id).await["status_code"], "404");
}

#[tokio::test]
async fn without_a_receiver_the_history_still_shows_the_message() {
    let bench = Bench::with(|config| config.notification_url = None).await;
    pay(&bench, "A").await;
    let history = history(&bench, "A").await;
    assert_eq!(
        (&history[0]["state"], &history[0]["url"]),
        (&json!("no_url"), &Value::Null)
    );
    assert_eq!(history[0]["body"]["transaction_status"], "capture");
}

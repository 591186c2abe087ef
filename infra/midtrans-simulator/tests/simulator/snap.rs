//! Creating and cancelling Snap tokens.

use serde_json::{Value, json};

use crate::support::{Bench, call, snap_request};

fn messages(reply: &crate::support::Reply) -> Vec<String> {
    let body = reply.json();
    body["error_messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

const UTILIZED: &str = "transaction_details.order_id has been paid and utilized, please use another order ID";

#[tokio::test]
async fn a_token_and_the_address_of_its_page_are_returned() {
    let bench = Bench::new().await;
    let reply = bench.snap("ORDER-101", 10_000, Value::Null).await;
    assert_eq!(reply.status, 201);
    let body = reply.json();
    let token = body["token"].as_str().unwrap();
    assert_eq!(token.len(), 36);
    assert_eq!(
        body["redirect_url"],
        json!(bench.url(&format!("/snap/v3/redirection/{token}")))
    );
    assert_eq!(body.as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn the_public_address_is_used_for_pages() {
    let bench = Bench::with(|config| config.public_url = Some("http://pay.example.test/".to_owned())).await;
    let body = bench.snap("A", 1, Value::Null).await.json();
    assert!(
        body["redirect_url"]
            .as_str()
            .unwrap()
            .starts_with("http://pay.example.test/snap/v3/redirection/")
    );
}

#[tokio::test]
async fn only_the_server_key_opens_the_api() {
    let bench = Bench::new().await;
    let body = snap_request("A", 1, &Value::Null).to_string();
    let wrong = [
        vec![],
        vec![("authorization", "Basic U0ItTWlkLXNlcnZlci1URVNUS0VZ")],
        vec![("authorization", "Basic d3Jvbmc6")],
        vec![("authorization", "Bearer SB-Mid-server-TESTKEY")],
    ];
    for headers in wrong {
        let snap = call(
            "POST",
            &bench.url("/snap/v1/transactions"),
            &headers,
            body.clone(),
        )
        .await
        .unwrap();
        assert_eq!(snap.status, 401);
        assert_eq!(
            messages(&snap)[0],
            "Access denied due to unauthorized transaction, please check client or server key"
        );
        let core = call("GET", &bench.url("/v2/A/status"), &headers, "")
            .await
            .unwrap();
        assert_eq!((core.status, core.code().as_str()), (401, "401"));
    }
    // The documented example: key, colon, no password.
    let headers = [("authorization", "Basic U0ItTWlkLXNlcnZlci1URVNUS0VZOg==")];
    let right = call("POST", &bench.url("/snap/v1/transactions"), &headers, body)
        .await
        .unwrap();
    assert_eq!(right.status, 201);
}

#[tokio::test]
async fn complaints_carry_the_known_texts() {
    let bench = Bench::new().await;
    let sum = "transaction_details.gross_amount is not equal to the sum of item_details";
    let items = json!([{"name": "Ticket", "price": 75000, "quantity": 2}]);
    let long_name = json!([{"name": "n".repeat(51), "price": 10, "quantity": 1}]);
    let cases = [
        (
            json!({}),
            vec![
                "transaction_details.order_id is required",
                "transaction_details.gross_amount is required",
            ],
        ),
        (
            snap_request("A", 149_999, &json!({"item_details": items})),
            vec![sum],
        ),
        (
            snap_request("A", 10, &json!({"item_details": long_name})),
            vec!["item_details Name too long"],
        ),
        (
            snap_request(&"A".repeat(51), 10, &Value::Null),
            vec!["transaction_details.order_id too long"],
        ),
        (
            json!({"transaction_details": {"order_id": "A", "gross_amount": "ten"}}),
            vec!["transaction_details.gross_amount is not a number"],
        ),
        (
            snap_request("A", 0, &Value::Null),
            vec!["transaction_details.gross_amount harus sama atau lebih besar dari 0.01"],
        ),
    ];
    for (request, expected) in cases {
        let reply = bench.post("/snap/v1/transactions", request).await;
        assert_eq!(reply.status, 400);
        assert_eq!(messages(&reply), expected);
    }
    let headers = [("authorization", "Basic U0ItTWlkLXNlcnZlci1URVNUS0VZOg==")];
    let url = bench.url("/snap/v1/transactions");
    let malformed = call("POST", &url, &headers, "{\"transaction_details\":")
        .await
        .unwrap();
    assert_eq!(
        (malformed.status, messages(&malformed)),
        (
            400,
            vec!["There was a problem in the JSON you submitted".to_owned()]
        )
    );
    let too_long = call(
        "POST",
        &url,
        &headers,
        format!("{{\"x\": \"{}\"}}", "y".repeat(16_000)),
    )
    .await
    .unwrap();
    assert_eq!(too_long.status, 413);
}

#[tokio::test]
async fn before_a_method_is_chosen_an_order_can_be_created_again_and_status_is_404() {
    let bench = Bench::new().await;
    let first = bench.token("A", 10_000, Value::Null).await;
    let status = bench.get("/v2/A/status").await;
    assert_eq!((status.status, status.code().as_str()), (200, "404"));
    assert_eq!(status.json()["status_message"], "Transaction doesn't exist.");

    let second = bench.token("A", 20_000, Value::Null).await;
    assert_ne!(first, second);
    let old = call(
        "GET",
        &bench.url(&format!("/snap/v3/redirection/{first}")),
        &[],
        "",
    )
    .await
    .unwrap();
    assert_eq!(old.status, 410, "the replaced token has stopped working");
    let paid = bench.pay("A", "bca_va").await;
    assert_eq!(paid["gross_amount"], "20000.00");
}

#[tokio::test]
async fn an_order_in_use_cannot_be_created_again_until_it_is_over() {
    let bench = Bench::new().await;
    bench.token("A", 10_000, Value::Null).await;
    bench.act("A", "bca_va", "pending").await;
    let refused = bench.snap("A", 10_000, Value::Null).await;
    assert_eq!(
        (refused.status, messages(&refused)),
        (400, vec![UTILIZED.to_owned()])
    );

    assert_eq!(bench.post("/v2/A/cancel", json!({})).await.code(), "200");
    bench.token("A", 10_000, Value::Null).await;
    bench.act("A", "gopay", "pending").await;
    assert_eq!(bench.post("/v2/A/expire", json!({})).await.code(), "407");
    bench.token("A", 10_000, Value::Null).await;
    bench.act("A", "gopay", "pending").await;
    bench.advance_clock(16 * 60).await;
    assert_eq!(bench.status("A").await["status_code"], "407");
    bench.token("A", 10_000, Value::Null).await;

    bench.pay("A", "gopay").await;
    assert_eq!(messages(&bench.snap("A", 10_000, Value::Null).await), [UTILIZED]);
    assert_eq!(
        bench.status("A").await["transaction_status"],
        "settlement",
        "the paid attempt speaks for the order"
    );
}

#[tokio::test]
async fn a_session_can_be_cancelled_once_and_only_while_unused() {
    let bench = Bench::new().await;
    let token = bench.token("A", 10_000, Value::Null).await;
    let cancel = format!("/snap/v1/transactions/{token}/cancel");
    let reply = bench.post(&cancel, Value::Null).await;
    let at = reply.json()["canceled_at"].as_str().unwrap().to_owned();
    assert_eq!(
        (reply.status, at.len(), at.ends_with('Z')),
        (200, "2025-06-03T13:09:39.776Z".len(), true)
    );
    let again = bench.post(&cancel, Value::Null).await;
    assert_eq!(
        (again.status, messages(&again)),
        (400, vec!["token already canceled".to_owned()])
    );

    let token = bench.token("B", 10_000, Value::Null).await;
    bench.act("B", "bca_va", "pending").await;
    let busy = bench
        .post(&format!("/snap/v1/transactions/{token}/cancel"), Value::Null)
        .await;
    assert_eq!(
        (busy.status, messages(&busy)),
        (400, vec!["Transaction is on progress".to_owned()])
    );
    let unknown = bench
        .post("/snap/v1/transactions/nothing/cancel", Value::Null)
        .await;
    assert_eq!(
        (unknown.status, messages(&unknown)),
        (404, vec!["token not found".to_owned()])
    );
}

#[tokio::test]
async fn wrong_methods_and_unknown_paths_are_told_apart() {
    let bench = Bench::new().await;
    assert_eq!(
        bench
            .try_api("DELETE", "/v2/A/status", &[], &Value::Null)
            .await
            .unwrap()
            .status,
        405
    );
    assert_eq!(bench.get("/v2/A/stats").await.status, 404);
    let headers = [
        ("authorization", "Basic U0ItTWlkLXNlcnZlci1URVNUS0VZOg=="),
        ("accept", "text/plain"),
    ];
    let plain = call("GET", &bench.url("/v2/A/status"), &headers, "")
        .await
        .unwrap();
    assert_eq!((plain.status, plain.code().as_str()), (403, "403"));
}

#[tokio::test]
async fn the_journal_lists_calls_in_order() {
    let bench = Bench::new().await;
    bench.token("A", 10_000, Value::Null).await;
    bench.get("/v2/A/status").await;
    bench.get("/v2/B/status").await;
    let journal = bench.admin("GET", "/requests?order_id=A", Value::Null).await;
    let calls: Vec<(&str, &str)> = journal["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| {
            (
                call["operation"].as_str().unwrap(),
                call["path"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        calls,
        [
            ("snap_create", "/snap/v1/transactions"),
            ("status", "/v2/A/status")
        ]
    );
    assert_eq!(journal["requests"][1]["outcome"]["status_code"], "404");
    let one = bench
        .admin("GET", "/requests?operation=status&limit=1", Value::Null)
        .await;
    assert_eq!(one["requests"][0]["path"], "/v2/B/status");
}

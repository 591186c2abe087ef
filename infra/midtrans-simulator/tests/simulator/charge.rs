//! Charging through the Core API.

use serde_json::{Value, json};

use crate::support::Bench;

fn request(order_id: &str, payment_type: &str, options: &Value) -> Value {
    json!({
        "payment_type": payment_type,
        "transaction_details": {"order_id": order_id, "gross_amount": 100_000},
        payment_type: options,
    })
}

#[tokio::test]
async fn each_method_answers_in_its_own_form() {
    let bench = Bench::new().await;
    let cases = [
        (
            "bank_transfer",
            json!({"bank": "bca"}),
            "bank_transfer",
            "va_numbers",
        ),
        (
            "bank_transfer",
            json!({"bank": "permata"}),
            "bank_transfer",
            "permata_va_number",
        ),
        ("permata", json!({}), "bank_transfer", "permata_va_number"),
        (
            "echannel",
            json!({"bill_info1": "a", "bill_info2": "b"}),
            "echannel",
            "bill_key",
        ),
        ("gopay", json!({}), "gopay", "actions"),
        ("qris", json!({"acquirer": "gopay"}), "qris", "qr_string"),
        (
            "shopeepay",
            json!({"callback_url": "http://x.test"}),
            "shopeepay",
            "actions",
        ),
        ("cstore", json!({"store": "indomaret"}), "cstore", "payment_code"),
        ("akulaku", json!({}), "akulaku", "redirect_url"),
        ("kredivo", json!({}), "kredivo", "redirect_url"),
    ];
    for (place, (payment_type, options, told, reference)) in cases.into_iter().enumerate() {
        let reply = bench
            .post(
                "/v2/charge",
                request(&format!("O-{place}"), payment_type, &options),
            )
            .await;
        let body = reply.json();
        assert_eq!(
            (reply.status, &body["status_code"]),
            (200, &json!("201")),
            "{body}"
        );
        assert_eq!(
            (&body["transaction_status"], &body["payment_type"]),
            (&json!("pending"), &json!(told))
        );
        assert!(!body[reference].is_null(), "{reference} in {body}");
        assert!(!body["expiry_time"].is_null());
        assert!(
            body.get("signature_key").is_none(),
            "answers to a charge are not signed"
        );
    }
}

#[tokio::test]
async fn references_are_visibly_fake() {
    let bench = Bench::new().await;
    let charge = async |order: &str, payment_type: &str, options: Value| {
        bench
            .post("/v2/charge", request(order, payment_type, &options))
            .await
            .json()
    };
    let bca = charge("A", "bank_transfer", json!({"bank": "bca", "va_number": "4321"})).await;
    assert_eq!(bca["va_numbers"][0]["va_number"], "000000000004321");
    assert_eq!(
        charge("B", "qris", json!({})).await["qr_string"],
        "SIMULATED-NOT-PAYABLE"
    );
    for (order, payment_type, options, key) in [
        ("C", "echannel", json!({}), "bill_key"),
        ("D", "permata", json!({}), "permata_va_number"),
        ("E", "cstore", json!({"store": "alfamart"}), "payment_code"),
    ] {
        let body = charge(order, payment_type, options).await;
        assert!(body[key].as_str().unwrap().starts_with("0000"), "{body}");
    }
}

#[tokio::test]
async fn expiry_follows_the_request() {
    let bench = Bench::new().await;
    let mut charge = request("A", "bank_transfer", &json!({"bank": "bni"}));
    charge["custom_expiry"] =
        json!({"order_time": "2099-01-15 10:00:00 +0700", "expiry_duration": 60, "unit": "minute"});
    assert_eq!(
        bench.post("/v2/charge", charge).await.json()["expiry_time"],
        "2099-01-15 11:00:00"
    );
}

#[tokio::test]
async fn mistakes_are_listed() {
    let bench = Bench::new().await;
    let reply = bench
        .post(
            "/v2/charge",
            json!({"payment_type": "bank_transfer", "bank_transfer": {"bank": "x"}}),
        )
        .await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "400"));
    assert_eq!(
        reply.json()["validation_messages"],
        json!([
            "bank_transfer.bank is not supported",
            "transaction_details.order_id is required",
            "transaction_details.gross_amount is required",
        ])
    );
    bench.post("/v2/charge", request("A", "gopay", &json!({}))).await;
    let duplicate = bench.post("/v2/charge", request("A", "gopay", &json!({}))).await;
    assert_eq!((duplicate.status, duplicate.code().as_str()), (200, "406"));
}

#[tokio::test]
async fn a_card_token_pays_once() {
    let bench = Bench::new().await;
    let token = async |number: &str, key: &str| {
        let path = format!(
            "/v2/token?client_key={key}&card_number={number}&card_exp_month=12&card_exp_year=2030&card_cvv=123"
        );
        bench.get(&path).await.json()
    };
    assert_eq!(
        token("4811111111111114", "SB-Mid-server-TESTKEY").await["status_code"],
        "401"
    );
    let id = token("4811111111111114", "SB-Mid-client-TESTKEY").await["token_id"].clone();
    let body = bench
        .post(
            "/v2/charge",
            request("A", "credit_card", &json!({"token_id": id})),
        )
        .await
        .json();
    assert_eq!(
        (&body["status_code"], &body["transaction_status"]),
        (&json!("200"), &json!("capture"))
    );
    assert_eq!(body["masked_card"], "48111111-1114");
    let again = bench
        .post(
            "/v2/charge",
            request("B", "credit_card", &json!({"token_id": id})),
        )
        .await;
    assert_eq!(again.code(), "411");

    let id = token("4911111111111113", "SB-Mid-client-TESTKEY").await["token_id"].clone();
    let denied = bench
        .post(
            "/v2/charge",
            request("C", "credit_card", &json!({"token_id": id})),
        )
        .await
        .json();
    assert_eq!(
        (&denied["status_code"], &denied["channel_response_code"]),
        (&json!("202"), &json!("05"))
    );
}

#[tokio::test]
async fn three_d_secure_happens_on_a_page() {
    let bench = Bench::new().await;
    let token = bench
        .get("/v2/token?client_key=SB-Mid-client-TESTKEY&card_number=4811111111111114")
        .await
        .json();
    let options = json!({"token_id": token["token_id"], "authentication": true});
    let body = bench
        .post("/v2/charge", request("A", "credit_card", &options))
        .await
        .json();
    assert_eq!(
        (&body["status_code"], &body["transaction_status"]),
        (&json!("201"), &json!("pending"))
    );
    let url = body["redirect_url"].as_str().unwrap();
    let page = crate::support::call("GET", url, &[], "").await.unwrap();
    assert!(page.text.contains("id=\"pay\""));
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let pressed = crate::support::call("POST", url, &headers, "action=pay")
        .await
        .unwrap();
    assert_eq!(pressed.status, 303);
    assert_eq!(bench.status("A").await["transaction_status"], "capture");
    assert_eq!(bench.told(2).await, ["201 pending", "200 capture"]);
}

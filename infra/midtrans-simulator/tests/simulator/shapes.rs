//! The fields of notifications, method by method, against the documented samples.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Bench, has_good_signature};

const COMMON: &str = "transaction_time transaction_status transaction_id status_message status_code signature_key \
                      payment_type order_id merchant_id gross_amount currency fraud_status";

fn fields(body: &Value) -> BTreeSet<&str> {
    body.as_object().unwrap().keys().map(String::as_str).collect()
}

fn expected<'a>(common: &'a str, extra: &'a str) -> BTreeSet<&'a str> {
    common
        .split_whitespace()
        .chain(extra.split_whitespace())
        .collect()
}

#[tokio::test]
async fn paid_notifications_have_the_documented_fields() {
    let bench = Bench::new().await;
    let card = "masked_card eci channel_response_message channel_response_code card_type bank approval_code \
                three_ds_version settlement_time";
    let cases = [
        (
            "bca_va",
            "bank_transfer",
            "va_numbers payment_amounts settlement_time",
        ),
        (
            "bni_va",
            "bank_transfer",
            "va_numbers payment_amounts settlement_time",
        ),
        (
            "bri_va",
            "bank_transfer",
            "va_numbers payment_amounts settlement_time",
        ),
        ("permata_va", "bank_transfer", "permata_va_number settlement_time"),
        ("echannel", "echannel", "biller_code bill_key settlement_time"),
        ("gopay", "gopay", "settlement_time payment_option_type"),
        (
            "qris",
            "qris",
            "settlement_time transaction_type issuer acquirer merchant_cross_reference_id",
        ),
        (
            "shopeepay",
            "shopeepay",
            "settlement_time shopeepay_reference_number reference_id",
        ),
        ("alfamart", "cstore", "store payment_code settlement_time"),
        ("akulaku", "akulaku", "settlement_time"),
        ("credit_card", "credit_card", card),
    ];
    for (place, (method, payment_type, extra)) in cases.into_iter().enumerate() {
        bench.token(method, 100_000, Value::Null).await;
        bench.act(method, method, "settlement").await;
        let body = bench.bodies(2 * (place + 1)).await.pop().unwrap();
        assert_eq!(fields(&body), expected(COMMON, extra), "{method}");
        assert_eq!(body["payment_type"], payment_type);
        assert_eq!(body["status_message"], "midtrans payment notification");
        assert!(has_good_signature(&body));
    }
}

#[tokio::test]
async fn indomaret_has_no_fraud_status() {
    let bench = Bench::new().await;
    bench.token("A", 75_000, Value::Null).await;
    bench.pay("A", "indomaret").await;
    let body = bench.bodies(2).await.pop().unwrap();
    let common = COMMON.replace("fraud_status", "");
    assert_eq!(
        fields(&body),
        expected(&common, "store payment_code approval_code settlement_time")
    );
}

#[tokio::test]
async fn bni_lists_what_was_paid() {
    let bench = Bench::new().await;
    bench.token("A", 100_000, Value::Null).await;
    bench.pay("A", "bni_va").await;
    let bodies = bench.bodies(2).await;
    assert_eq!(bodies[0]["payment_amounts"], json!([]));
    assert_eq!(bodies[1]["payment_amounts"][0]["amount"], "100000.00");
    assert_eq!(
        bodies[1]["payment_amounts"][0]["paid_at"],
        bodies[1]["settlement_time"]
    );
}

#[tokio::test]
async fn pending_denied_and_cancelled_messages_have_the_documented_fields() {
    let bench = Bench::new().await;
    bench.token("A", 100_000, Value::Null).await;
    bench.act("A", "bca_va", "cancel").await;
    let bodies = bench.bodies(2).await;
    assert_eq!(
        fields(&bodies[0]),
        expected(COMMON, "va_numbers payment_amounts expiry_time")
    );
    assert_eq!(fields(&bodies[1]), expected(COMMON, "va_numbers payment_amounts"));
    bench.token("B", 150_000, Value::Null).await;
    bench.act("B", "credit_card", "deny").await;
    let denied = bench.bodies(3).await.pop().unwrap();
    let card =
        "masked_card eci channel_response_message channel_response_code card_type bank three_ds_version";
    assert_eq!(fields(&denied), expected(COMMON, card));
    assert_eq!(denied["channel_response_message"], "Do not honour");
}

#[tokio::test]
async fn times_are_written_without_a_zone() {
    let bench = Bench::new().await;
    let clock = async || {
        bench.admin("GET", "/clock", Value::Null).await["wib"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let before = clock().await;
    bench.token("A", 100_000, Value::Null).await;
    bench.pay("A", "bca_va").await;
    let after = clock().await;
    let body = bench.bodies(2).await.pop().unwrap();
    for key in ["transaction_time", "settlement_time"] {
        let text = body[key].as_str().unwrap();
        assert_eq!(text.len(), "2026-01-15 10:00:00".len());
        assert!(
            (before.as_str()..=after.as_str()).contains(&text),
            "{before} <= {text} <= {after}"
        );
    }
}

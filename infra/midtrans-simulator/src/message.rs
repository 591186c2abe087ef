//! Bodies of notifications, status answers and answers to operations.

use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::format;
use crate::method::Family;
use crate::signature::signature;
use crate::transaction::{Status, Transaction};

/// A JSON object under construction.
pub(crate) type Body = Map<String, Value>;

/// Deviations seen in the wild, applied to one body.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Quirks {
    /// `"SETTLEMENT"` instead of `"settlement"`.
    pub(crate) capitalised_status: bool,
    /// `200` instead of `"200"`.
    pub(crate) integer_status_code: bool,
    /// The transaction id in place of the order id, as BSI virtual accounts do.
    pub(crate) transaction_id_as_order_id: bool,
}

/// The body of a notification about the present state.
pub(crate) fn notification(transaction: &Transaction, config: &Config, quirks: Quirks) -> Body {
    let mut body = body(
        transaction,
        config,
        transaction.notification_code(),
        "midtrans payment notification",
    );
    if quirks.transaction_id_as_order_id {
        body.insert("order_id".to_owned(), json!(transaction.id));
    }
    sign(&mut body, config);
    bend(&mut body, quirks);
    body
}

/// The answer to `GET /v2/{id}/status`.
pub(crate) fn status(transaction: &Transaction, config: &Config, quirks: Quirks) -> Body {
    let text = match transaction.status {
        Status::Refund | Status::PartialRefund => "Success, refund request is approved by the bank",
        _ if transaction.method.is_card() => "Success, Credit Card transaction is successful",
        _ => "Success, transaction is found",
    };
    let mut body = body(transaction, config, transaction.status_code(), text);
    sign(&mut body, config);
    bend(&mut body, quirks);
    body
}

/// The answer to a charge or to an operation: as a status answer, but not signed.
pub(crate) fn reply(transaction: &Transaction, config: &Config, code: &str, text: &str) -> Body {
    body(transaction, config, code, text)
}

/// Sets `signature_key` from the texts that stand in the body.
pub(crate) fn sign(body: &mut Body, config: &Config) {
    let text = |key: &str| match body.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let key = signature(
        &text("order_id"),
        &text("status_code"),
        &text("gross_amount"),
        &config.server_key,
    );
    body.insert("signature_key".to_owned(), json!(key));
}

fn bend(body: &mut Body, quirks: Quirks) {
    if quirks.capitalised_status
        && let Some(Value::String(status)) = body.get_mut("transaction_status")
    {
        *status = status.to_uppercase();
    }
    if quirks.integer_status_code
        && let Some(code) = body.get_mut("status_code")
        && let Some(number) = code.as_str().and_then(|code| code.parse::<u16>().ok())
    {
        *code = json!(number);
    }
}

fn body(transaction: &Transaction, config: &Config, code: &str, text: &str) -> Body {
    let mut body = Body::new();
    let mut put = |key: &str, value: Value| {
        body.insert(key.to_owned(), value);
    };
    put("transaction_time", json!(format::wib(transaction.created_at)));
    put("transaction_status", json!(transaction.status.as_str()));
    put("transaction_id", json!(transaction.id));
    put("status_message", json!(text));
    put("status_code", json!(code));
    put("payment_type", json!(transaction.method.payment_type));
    put("order_id", json!(transaction.order_id));
    put("merchant_id", json!(config.merchant_id));
    put("gross_amount", json!(format::amount(transaction.gross())));
    put("currency", json!("IDR"));
    if transaction.method.code != "indomaret" {
        put("fraud_status", json!(transaction.fraud.as_str()));
    }
    if transaction.status == Status::Pending {
        put("expiry_time", json!(format::wib(transaction.expires_at)));
    }
    if let Some(settled_at) = transaction.settled_at {
        put("settlement_time", json!(format::wib(settled_at)));
    }
    if !transaction.refunds.is_empty() {
        put("refund_amount", json!(format::amount(transaction.refunded())));
        put(
            "refunds",
            transaction
                .refunds
                .iter()
                .map(crate::transaction::Refund::to_json)
                .collect(),
        );
    }
    method_fields(transaction, &mut body);
    body.extend(transaction.echo.clone());
    if transaction.fee > 0 {
        add_fee(transaction, &mut body);
    }
    body
}

fn method_fields(transaction: &Transaction, body: &mut Body) {
    let paid = transaction.settled_at.is_some();
    let mut put = |key: &str, value: Value| {
        body.insert(key.to_owned(), value);
    };
    // References to pay with are of no use once the attempt is over; identifying ones stay.
    for (key, value) in &transaction.references {
        let only_to_pay = matches!(key.as_str(), "actions" | "qr_string" | "redirect_url");
        if !only_to_pay || transaction.status == Status::Pending {
            put(key, value.clone());
        }
    }
    match transaction.method.family {
        Family::Card => card_fields(transaction, &mut put),
        Family::Va => {
            let payments = match transaction.settled_at {
                Some(paid_at) if transaction.method.provider == "bni" => {
                    json!([{"paid_at": format::wib(paid_at), "amount": format::amount(transaction.gross())}])
                }
                _ => json!([]),
            };
            put("payment_amounts", payments);
        }
        Family::Gopay if paid => put("payment_option_type", json!("GOPAY_WALLET")),
        Family::Qris if paid => {
            put("transaction_type", json!("on-us"));
            put("issuer", json!("gopay"));
            put("merchant_cross_reference_id", json!(transaction.id));
        }
        Family::Shopeepay if paid => {
            put(
                "shopeepay_reference_number",
                json!(format!("SIM{}", short(&transaction.id))),
            );
            put("reference_id", json!(format!("SIM-{}", short(&transaction.id))));
        }
        Family::Store if paid && transaction.method.code == "indomaret" => {
            put("approval_code", json!(format!("SIM{}", short(&transaction.id))));
        }
        _ => {}
    }
}

fn card_fields(transaction: &Transaction, put: &mut impl FnMut(&str, Value)) {
    let Some(card) = &transaction.card else { return };
    put("masked_card", json!(card.masked()));
    put("bank", json!("bni"));
    put("card_type", json!("credit"));
    if transaction.status == Status::Pending {
        return;
    }
    let (code, text) = card.channel_response();
    put("eci", json!(card.eci));
    put("channel_response_code", json!(code));
    put("channel_response_message", json!(text));
    put("three_ds_version", json!("2"));
    if transaction.status.has_money() {
        put(
            "approval_code",
            json!(transaction.created_at.as_millisecond().to_string()),
        );
    }
}

/// The breakdown that explains why `gross_amount` is not what the merchant asked for.
fn add_fee(transaction: &Transaction, body: &mut Body) {
    let breakdown = json!({
        "original_amount": transaction.amount,
        "gross_amount": transaction.gross(),
        "customer_imposed_payment_fee": transaction.fee,
    });
    let metadata = body.entry("metadata").or_insert_with(|| json!({}));
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.insert("extra_info".to_owned(), json!({"gross_amount_info": breakdown}));
    }
}

fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

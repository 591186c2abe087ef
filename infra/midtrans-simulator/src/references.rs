//! Payment references: numbers and codes a customer would pay with. All of them are visibly fake, because real
//! sandbox references may be payable in the real world.

use std::collections::HashSet;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::method::{Family, Method};

/// Text inside simulated QR codes; not valid EMVCo data, so no wallet can pay it.
pub(crate) const QR_TEXT: &str = "SIMULATED-NOT-PAYABLE";

/// No bank issues virtual accounts with this company code.
const FAKE_PREFIX: &str = "0000";

/// Makes the references of a new attempt.
///
/// `options` is the method's object of the request (it may ask for a certain `va_number`); `taken` are the numbers
/// in use, which the new number joins.
pub(crate) fn create(
    method: &Method,
    transaction_id: &Uuid,
    options: &Value,
    public_url: &str,
    taken: &mut HashSet<String>,
) -> Map<String, Value> {
    let base = |path: &str| format!("{public_url}/v2/{transaction_id}/{path}");
    let qr_action = json!({"name": "generate-qr-code", "method": "GET", "url": format!("{public_url}/v2/qris/{transaction_id}/qr-code")});
    let open_action = json!({"name": "deeplink-redirect", "method": "GET", "url": format!("{public_url}/simulator/payment/{transaction_id}")});
    let references = match method.family {
        Family::Card => json!({}),
        Family::Va => {
            let number = account_number(method.provider, transaction_id, options, taken);
            json!({"va_numbers": [{"va_number": number, "bank": method.provider}]})
        }
        Family::PermataVa => {
            json!({"permata_va_number": account_number(method.provider, transaction_id, options, taken)})
        }
        Family::MandiriBill => json!({"biller_code": "70012", "bill_key": fresh_number(transaction_id, 8)}),
        Family::Gopay => json!({"actions": [
            qr_action,
            open_action,
            {"name": "get-status", "method": "GET", "url": base("status")},
            {"name": "cancel", "method": "POST", "url": base("cancel")},
        ]}),
        Family::Qris => json!({"acquirer": "gopay", "qr_string": QR_TEXT, "actions": [qr_action]}),
        Family::Shopeepay => json!({"actions": [open_action]}),
        Family::Store => json!({"store": method.provider, "payment_code": fresh_number(transaction_id, 14)}),
        Family::Plain => json!({"redirect_url": format!("{public_url}/simulator/payment/{transaction_id}")}),
    };
    match references {
        Value::Object(references) => references,
        _ => Map::new(),
    }
}

/// A number the merchant asked for, made to fit, or a random one when it is in use already.
fn account_number(bank: &str, id: &Uuid, options: &Value, taken: &mut HashSet<String>) -> String {
    let wanted = options
        .get("va_number")
        .and_then(Value::as_str)
        .and_then(|wanted| fit(bank, wanted));
    let number = match wanted {
        Some(number) if !taken.contains(&number) => number,
        _ => fresh_number(id, 12),
    };
    taken.insert(number.clone());
    number
}

/// Shortens a wanted number at its end, or fills it up on the left, to the bank's length.
fn fit(bank: &str, wanted: &str) -> Option<String> {
    let length = match bank {
        "bca" => 11,
        "bni" => 8,
        "bri" => 13,
        "permata" => 10,
        "seabank" => 19,
        _ => 12,
    };
    let is_number = !wanted.is_empty() && wanted.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| {
        format!(
            "{FAKE_PREFIX}{:0>length$}",
            wanted.get(..length).unwrap_or(wanted)
        )
    })
}

/// A fake number with this many digits after the prefix, derived from the transaction id.
fn fresh_number(id: &Uuid, digits: u32) -> String {
    let width = usize::try_from(digits).unwrap_or(12);
    let number = id.as_u128() % 10_u128.pow(digits);
    format!("{FAKE_PREFIX}{number:0>width$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::find;

    fn number(options: &Value, taken: &mut HashSet<String>) -> String {
        let made = create(
            find("bca_va").unwrap(),
            &Uuid::new_v4(),
            options,
            "http://sim",
            taken,
        );
        made["va_numbers"][0]["va_number"].as_str().unwrap().to_owned()
    }

    #[test]
    fn wanted_numbers_are_fitted_and_never_given_twice() {
        let mut taken = HashSet::new();
        assert_eq!(
            number(&json!({"va_number": "12345"}), &mut taken),
            "000000000012345"
        );
        assert_eq!(
            number(&json!({"va_number": "1234567890123"}), &mut taken),
            "000012345678901"
        );
        let other = number(&json!({"va_number": "12345"}), &mut taken);
        assert_ne!(other, "000000000012345");
        assert!(other.starts_with(FAKE_PREFIX));
        assert!(number(&json!({"va_number": "12a"}), &mut taken).starts_with(FAKE_PREFIX));
    }
}

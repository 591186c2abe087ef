//! Reading and validating what a merchant asks for.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::format::parse_with_offset;
use crate::world::later;

const MAX_ORDER_ID: usize = 50;
/// Longest expiry, in seconds.
const MAX_EXPIRY: i64 = 7 * 24 * 3600;
/// How long a payment page lives when the request does not say.
pub(crate) const DEFAULT_PAGE: SignedDuration = SignedDuration::from_hours(24);

/// A time span that starts at a given moment or when something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) start: Option<Timestamp>,
    pub(crate) length: SignedDuration,
}

impl Window {
    /// End of the window, if it starts at `now` unless it has a start of its own.
    pub(crate) fn end(self, now: Timestamp) -> Timestamp {
        later(self.start.unwrap_or(now), self.length)
    }
}

/// `transaction_details` and items, common to Snap and Core requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Details {
    pub(crate) order_id: String,
    /// Rupiah.
    pub(crate) amount: i64,
}

/// A valid request for a Snap token.
#[derive(Clone, Debug)]
pub(crate) struct SnapRequest {
    pub(crate) details: Details,
    /// `expiry`: for the page and the payment.
    pub(crate) expiry: Option<Window>,
    /// `page_expiry`: for the page only.
    pub(crate) page_expiry: Option<SignedDuration>,
    /// The request as it came.
    pub(crate) json: Value,
}

impl SnapRequest {
    /// Checks a request; all complaints are returned together.
    pub(crate) fn parse(json: &Value) -> Result<Self, Vec<String>> {
        let mut errors = Vec::new();
        let details = details(json, &mut errors);
        let expiry = window(
            json,
            "expiry",
            "start_time",
            "duration",
            &["minute", "hour", "day"],
            &mut errors,
        );
        let page_expiry = window(
            json,
            "page_expiry",
            "",
            "duration",
            &["minute", "hour", "day"],
            &mut errors,
        );
        check_lengths(json, &mut errors);
        match details {
            Some(details) if errors.is_empty() => Ok(Self {
                details,
                expiry,
                page_expiry: page_expiry.map(|window| window.length),
                json: json.clone(),
            }),
            _ => Err(errors),
        }
    }

    /// End of the payment page made at `now`.
    pub(crate) fn page_end(&self, now: Timestamp) -> Timestamp {
        match (self.page_expiry, self.expiry) {
            (Some(length), _) => later(now, length),
            (None, Some(window)) => window.end(now),
            (None, None) => later(now, DEFAULT_PAGE),
        }
    }

    /// `callbacks.finish` or `callbacks.error`.
    pub(crate) fn callback(&self, name: &str) -> Option<&str> {
        self.json
            .get("callbacks")?
            .get(name)?
            .as_str()
            .filter(|url| !url.is_empty())
    }
}

/// Checks `transaction_details` and that the items add up to the amount.
pub(crate) fn details(json: &Value, errors: &mut Vec<String>) -> Option<Details> {
    let details = json.get("transaction_details");
    let field = |name: &str| {
        details
            .and_then(|details| details.get(name))
            .filter(|value| !value.is_null())
    };
    let order_id = match field("order_id") {
        Some(Value::String(id)) if !id.is_empty() => Some(id.clone()),
        Some(Value::Number(id)) => Some(id.to_string()),
        _ => None,
    };
    match &order_id {
        None => errors.push("transaction_details.order_id is required".to_owned()),
        Some(id) if id.chars().count() > MAX_ORDER_ID => {
            errors.push("transaction_details.order_id too long".to_owned());
        }
        Some(_) => {}
    }
    let amount = match field("gross_amount") {
        None => {
            errors.push("transaction_details.gross_amount is required".to_owned());
            None
        }
        Some(amount) => {
            let rupiah = whole_number(amount);
            match rupiah {
                None => errors.push("transaction_details.gross_amount is not a number".to_owned()),
                Some(rupiah) if rupiah < 1 => errors.push(
                    "transaction_details.gross_amount harus sama atau lebih besar dari 0.01".to_owned(),
                ),
                Some(_) => {}
            }
            rupiah
        }
    };
    let items = item_sum(json, errors);
    if let (Some(amount), Some(sum)) = (amount, items)
        && amount != sum
    {
        errors.push("transaction_details.gross_amount is not equal to the sum of item_details".to_owned());
    }
    errors.is_empty().then_some(Details {
        order_id: order_id?,
        amount: amount?,
    })
}

/// Sum of price times quantity; `None` without items or when an item is not valid.
fn item_sum(json: &Value, errors: &mut Vec<String>) -> Option<i64> {
    let items = match json.get("item_details") {
        None | Some(Value::Null) => return None,
        Some(Value::Array(items)) => items,
        Some(_) => {
            errors.push("item_details is not an array".to_owned());
            return None;
        }
    };
    if items.is_empty() {
        return None;
    }
    let mut complain = |text: &str| {
        if !errors.iter().any(|known| known == text) {
            errors.push(text.to_owned());
        }
    };
    let mut sum = Some(0_i64);
    for item in items {
        let price = item.get("price").and_then(whole_number);
        let quantity = item
            .get("quantity")
            .and_then(whole_number)
            .filter(|quantity| *quantity >= 1);
        if price.is_none() {
            complain("item_details Price is required");
        }
        if quantity.is_none() {
            complain("item_details Quantity is required");
        }
        if item.get("name").and_then(Value::as_str).is_none_or(str::is_empty) {
            complain("item_details Name is required");
        }
        let limited = [
            ("name", "Name"),
            ("id", "Id"),
            ("brand", "Brand"),
            ("category", "Category"),
            ("merchant_name", "Merchant name"),
        ];
        for (key, label) in limited {
            if is_longer(item.get(key), 50) {
                complain(&format!("item_details {label} too long"));
            }
        }
        let line = price
            .zip(quantity)
            .and_then(|(price, quantity)| price.checked_mul(quantity));
        sum = sum.zip(line).and_then(|(sum, line)| sum.checked_add(line));
    }
    sum
}

fn check_lengths(json: &Value, errors: &mut Vec<String>) {
    let customer = json.get("customer_details");
    let callbacks = json.get("callbacks");
    let fields =
        ["first_name", "last_name", "email", "phone"].map(|key| ("customer_details.", customer, key));
    let urls = ["finish", "error"].map(|key| ("callbacks.", callbacks, key));
    let custom = ["custom_field1", "custom_field2", "custom_field3"].map(|key| ("", Some(json), key));
    for (prefix, object, key) in fields.into_iter().chain(urls).chain(custom) {
        if is_longer(object.and_then(|object| object.get(key)), 255) {
            errors.push(format!("{prefix}{key} too long"));
        }
    }
}

fn is_longer(value: Option<&Value>, limit: usize) -> bool {
    value
        .and_then(Value::as_str)
        .is_some_and(|text| text.chars().count() > limit)
}

/// Reads an expiry object. `units` are its allowed units in the singular, shortest first.
pub(crate) fn window(
    json: &Value,
    name: &str,
    start_key: &str,
    length_key: &str,
    units: &[&str],
    errors: &mut Vec<String>,
) -> Option<Window> {
    let object = json.get(name).filter(|object| !object.is_null())?;
    let start = match object.get(start_key).filter(|start| !start.is_null()) {
        None => None,
        Some(start) => {
            let parsed = start.as_str().and_then(parse_with_offset);
            if parsed.is_none() {
                errors.push(format!(
                    "{name}.{start_key} must have the form yyyy-MM-dd HH:mm:ss Z"
                ));
            }
            parsed
        }
    };
    let unit = object.get("unit").and_then(Value::as_str).unwrap_or("minute");
    let singular = unit.strip_suffix('s').unwrap_or(unit);
    if !units.contains(&singular) {
        errors.push(format!("{name}.unit must be one of {}", units.join(", ")));
        return None;
    }
    let seconds = match singular {
        "second" => 1,
        "minute" => 60,
        "hour" => 3600,
        _ => 24 * 3600,
    };
    let length = object
        .get(length_key)
        .and_then(whole_number)
        .and_then(|count| count.checked_mul(seconds));
    match length {
        Some(length) if (1..=MAX_EXPIRY).contains(&length) => Some(Window {
            start,
            length: SignedDuration::from_secs(length),
        }),
        _ => {
            errors.push(format!(
                "{name}.{length_key} must be a positive number of at most 7 days"
            ));
            None
        }
    }
}

/// A JSON number without a fraction (`10000`, but also `10000.0`).
pub(crate) fn whole_number(value: &Value) -> Option<i64> {
    let Value::Number(number) = value else { return None };
    number.as_i64().or_else(|| {
        let text = number.to_string();
        let (whole, fraction) = text.split_once('.')?;
        fraction
            .bytes()
            .all(|digit| digit == b'0')
            .then(|| whole.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn errors(request: &Value) -> Vec<String> {
        SnapRequest::parse(request).err().unwrap_or_default()
    }

    #[test]
    fn the_smallest_request_is_valid() {
        let request = json!({"transaction_details": {"order_id": "ORDER-101", "gross_amount": 10000}});
        let parsed = SnapRequest::parse(&request).unwrap();
        assert_eq!(
            parsed.details,
            Details {
                order_id: "ORDER-101".to_owned(),
                amount: 10_000
            }
        );
    }

    #[test]
    fn several_complaints_come_together() {
        assert_eq!(
            errors(&json!({})),
            [
                "transaction_details.order_id is required",
                "transaction_details.gross_amount is required"
            ]
        );
        let request = json!({
            "transaction_details": {"order_id": "x".repeat(51), "gross_amount": 9},
            "item_details": [{"name": "n".repeat(51), "price": 10, "quantity": 1}],
        });
        assert_eq!(
            errors(&request),
            [
                "transaction_details.order_id too long",
                "item_details Name too long",
                "transaction_details.gross_amount is not equal to the sum of item_details",
            ]
        );
    }

    #[test]
    fn amounts_are_whole_positive_numbers() {
        let with = |amount: Value| {
            errors(&json!({"transaction_details": {"order_id": "A", "gross_amount": amount}}))
        };
        assert!(with(json!(10000.0)).is_empty());
        assert_eq!(
            with(json!("10000")),
            ["transaction_details.gross_amount is not a number"]
        );
        assert_eq!(
            with(json!(0.5)),
            ["transaction_details.gross_amount is not a number"]
        );
        assert_eq!(
            with(json!(0)),
            ["transaction_details.gross_amount harus sama atau lebih besar dari 0.01"]
        );
    }

    #[test]
    fn items_may_be_discounts() {
        let request = json!({
            "transaction_details": {"order_id": "A", "gross_amount": 145_000},
            "item_details": [
                {"name": "Regular ticket", "price": 75000, "quantity": 2},
                {"name": "Voucher", "price": -10000, "quantity": 1},
                {"name": "Service fee", "price": 5000, "quantity": 1},
            ],
        });
        assert!(errors(&request).is_empty());
    }

    #[test]
    fn page_expiry_comes_before_expiry_for_the_page() {
        let now: Timestamp = "2026-01-15T03:00:00Z".parse().unwrap();
        let end = |extra: Value| {
            let mut request = json!({"transaction_details": {"order_id": "A", "gross_amount": 1}});
            request
                .as_object_mut()
                .unwrap()
                .extend(extra.as_object().unwrap().clone());
            SnapRequest::parse(&request).unwrap().page_end(now).to_string()
        };
        assert_eq!(end(json!({})), "2026-01-16T03:00:00Z");
        let expiry = json!({"start_time": "2026-01-15 09:30:00 +0700", "duration": 60, "unit": "minutes"});
        assert_eq!(end(json!({"expiry": expiry})), "2026-01-15T03:30:00Z");
        assert_eq!(
            end(json!({"expiry": expiry, "page_expiry": {"duration": 3, "unit": "hours"}})),
            "2026-01-15T06:00:00Z"
        );
        let request = json!({
            "transaction_details": {"order_id": "A", "gross_amount": 1},
            "expiry": {"duration": 8, "unit": "days", "start_time": "tomorrow"},
        });
        assert_eq!(
            errors(&request),
            [
                "expiry.start_time must have the form yyyy-MM-dd HH:mm:ss Z",
                "expiry.duration must be a positive number of at most 7 days",
            ]
        );
    }
}

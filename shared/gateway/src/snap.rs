use domain::{Rupiah, Timestamp};
use serde_json::{Value, json};

/// Longest name of an item that Snap takes, in characters.
const LONGEST_NAME: usize = 50;

/// What a payment page shall collect.
#[derive(Debug)]
pub struct SnapOrder<'a> {
    /// Our order code.
    pub code: &'a str,
    /// What is charged: the sum of the items.
    pub total: Rupiah,
    /// What is bought.
    pub items: &'a [Item],
    /// Who pays.
    pub customer: Customer<'a>,
    /// The page works from then …
    pub starts: Timestamp,
    /// … until then.
    pub ends: Timestamp,
    /// Where the browser goes afterwards.
    pub finish_url: &'a str,
}

/// One line of the payment page.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// What it is called; cut to what Snap takes.
    pub name: String,
    /// Price of one in rupiah; negative for a discount.
    pub price: i64,
    /// How many.
    pub quantity: u32,
    /// Kind of thing.
    pub category: String,
}

/// Who pays.
#[derive(Debug)]
pub struct Customer<'a> {
    /// Name.
    pub name: &'a str,
    /// Mail address.
    pub email: &'a str,
    /// Phone number.
    pub phone: &'a str,
}

/// A payment page.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct SnapPage {
    /// For `snap.pay(token)` in a browser.
    pub token: String,
    /// For browsers that are sent there.
    pub redirect_url: String,
}

impl SnapOrder<'_> {
    /// The request body. Minutes are rounded down, so the page never outlives the reservation.
    pub(crate) fn body(&self) -> Value {
        let cut = |text: &str| {
            text.replace('|', "/")
                .chars()
                .take(LONGEST_NAME)
                .collect::<String>()
        };
        let items: Vec<_> = self
            .items
            .iter()
            .map(|item| {
                json!({
                    "id": item.id, "name": cut(&item.name), "price": item.price, "quantity": item.quantity,
                    "category": cut(&item.category),
                })
            })
            .collect();
        let minutes = (self.ends.seconds_since(self.starts) / 60).max(1);
        let starts = self
            .starts
            .inner()
            .to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(7)));
        json!({
            "transaction_details": { "order_id": self.code, "gross_amount": self.total.get() },
            "item_details": items,
            "customer_details": {
                "first_name": self.customer.name, "email": self.customer.email, "phone": self.customer.phone,
            },
            "credit_card": { "secure": true },
            "callbacks": { "finish": self.finish_url },
            "expiry": { "start_time": starts.strftime("%Y-%m-%d %H:%M:%S %z").to_string(), "duration": minutes, "unit": "minutes" },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_sums_up_and_ends_with_the_reservation() {
        let item = Item {
            id: "7".to_owned(),
            name: "é|".repeat(40),
            price: 75_000,
            quantity: 2,
            category: "Festival".to_owned(),
        };
        let starts = Timestamp::parse("2030-01-01T00:00:00Z").unwrap();
        let body = SnapOrder {
            code: "ORDER-1",
            total: Rupiah::new(150_000).unwrap(),
            items: &[item],
            customer: Customer {
                name: "Ayu",
                email: "ayu@example.test",
                phone: "0812",
            },
            starts,
            ends: starts.plus_seconds(899),
            finish_url: "https://shop.example/done",
        }
        .body();
        assert_eq!(body["transaction_details"]["gross_amount"], 150_000);
        assert_eq!(
            body["item_details"][0]["name"].as_str().unwrap().chars().count(),
            50
        );
        assert!(!body["item_details"][0]["name"].as_str().unwrap().contains('|'));
        assert_eq!(body["expiry"]["start_time"], "2030-01-01 07:00:00 +0700");
        assert_eq!(body["expiry"]["duration"], 14);
    }
}

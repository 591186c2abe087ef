use domain::{Rupiah, Timestamp};
use gateway::{Customer, Item, SnapOrder};
use midtrans_simulator::{Config, Simulator};
use runtime::{Clock, Secret};
use serde_json::{Value, json};
use settling::Midtrans;

/// A payment gateway of one test: the simulator on a port of its own.
pub struct Gateway {
    simulator: Simulator,
    http: reqwest::Client,
}

impl Gateway {
    /// Starts one. It notifies nobody; tests hand the hint over themselves.
    pub async fn start() -> Self {
        let simulator = Simulator::start(Config::default())
            .await
            .expect("the simulator starts");
        // The client library wants a TLS provider even for plain HTTP; a second installation changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            simulator,
            http: reqwest::Client::new(),
        }
    }

    /// A client of it, as functions use it, with a circuit breaker of its own.
    pub fn client(&self) -> Midtrans {
        self.client_of(kv::Store::in_memory(), Clock::system())
    }

    /// A client that shares its circuit breaker with all of this table.
    pub fn client_of(&self, store: kv::Store, clock: Clock) -> Midtrans {
        let key = Secret::new(Config::default().server_key);
        let client =
            gateway::Midtrans::new(self.simulator.url(), self.simulator.url(), key).expect("a client");
        Midtrans::new(client, store, clock)
    }

    /// Opens the page of an order that costs so much, as `payments` does.
    pub(crate) async fn page(&self, code: &str, total: Rupiah, starts: Timestamp, ends: Timestamp) {
        let items = [Item {
            id: "1".to_owned(),
            name: "Tickets".to_owned(),
            price: total.get(),
            quantity: 1,
            category: "ticket".to_owned(),
        }];
        let order = SnapOrder {
            code,
            total,
            items: &items,
            customer: Customer {
                name: "Ayu",
                email: "ayu@example.test",
                phone: "0812",
            },
            starts,
            ends,
            finish_url: "https://shop.example/",
        };
        self.client().create_page(&order).await.expect("a page");
    }

    /// Calls its admin interface.
    pub async fn admin(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}/admin/{path}", self.simulator.url());
        let method = method.parse().expect("a method");
        let answer = self
            .http
            .request(method, url)
            .json(&body)
            .send()
            .await
            .expect("the simulator answers");
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Reads a page of it.
    pub async fn read(&self, url: &str) -> String {
        let answer = self.http.get(url).send().await.expect("the simulator answers");
        assert!(answer.status().is_success(), "{url}: {}", answer.status());
        answer.text().await.expect("a page")
    }

    /// Plays the customer: chooses a method and lets it end as said.
    pub async fn pay(&self, order: &str, method: &str, outcome: &str) {
        self.admin(
            "POST",
            "pay",
            json!({ "order_id": order, "method": method, "outcome": outcome }),
        )
        .await;
    }

    /// Sets faults.
    pub async fn faults(&self, faults: Value) {
        self.admin("PUT", "faults", faults).await;
    }
}

use crate::Fleet;
use crate::http::Reply;
use ring::digest;
use serde_json::{Value, json};
use std::fs::File;

/// The payment gateway: its page as a buyer sees it, and the simulator's admin API behind it.
#[derive(Debug, Clone)]
pub struct Midtrans {
    fleet: Fleet,
}

/// A payment page as the browser shows it.
#[derive(Debug)]
pub struct PaymentPage {
    /// Its address.
    pub url: String,
    /// What it shows.
    pub html: String,
}

/// Faults that are switched on. The simulator keeps one set of rules, so only one test of all programs has them at a time.
#[derive(Debug)]
pub struct Faults {
    midtrans: Midtrans,
    _turn: File,
}

impl Midtrans {
    pub(crate) fn new(fleet: &Fleet) -> Self {
        Self { fleet: fleet.clone() }
    }

    /// Opens a payment page.
    pub async fn open(&self, url: &str) -> PaymentPage {
        let reply = Reply::of(self.fleet.http.get(url)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        PaymentPage {
            url: url.to_owned(),
            html: reply.text(),
        }
    }

    /// Presses a button of a payment page, as a browser without JavaScript does, and shows where that leads.
    pub async fn press(&self, page: &PaymentPage, button: &str, method: Option<&str>) -> PaymentPage {
        assert!(
            page.html.contains(&format!("id=\"{button}\"")),
            "no button {button:?}: {}",
            page.html
        );
        let mut form = vec![("action", button)];
        form.extend(method.map(|method| ("method", method)));
        let reply = Reply::of(self.fleet.http.post(&page.url).form(&form)).await;
        assert_eq!(reply.status, 303, "{}", reply.text());
        let next = reply.header("location");
        match next.starts_with("http") {
            true => self.open(next).await,
            false => self.open(&format!("{}{next}", self.fleet.midtrans_url)).await,
        }
    }

    /// Plays the customer without the page.
    pub async fn pay(&self, order: &str, method: &str) -> Value {
        self.admin("POST", "/pay", json!({"order_id": order, "method": method}))
            .await
    }

    /// Chooses a method and leaves it at that, or ends the attempt: `pending`, `deny`, `expire`, `cancel`.
    pub async fn attempt(&self, order: &str, method: &str, outcome: &str) -> Value {
        let body = json!({"order_id": order, "method": method, "outcome": outcome});
        self.admin("POST", "/pay", body).await
    }

    /// Lets money arrive after the attempt expired or was cancelled.
    pub async fn pay_late(&self, order: &str) -> Value {
        self.admin("POST", "/pay", json!({"order_id": order, "late": true}))
            .await
    }

    /// Lets the payer's bank take the money of a settled payment back.
    pub async fn charge_back(&self, order: &str) -> Value {
        self.admin("POST", "/chargeback", json!({"order_id": order}))
            .await
    }

    /// What the gateway knows of an order.
    pub async fn order(&self, order: &str) -> Value {
        self.admin("GET", &format!("/transactions/{order}"), Value::Null)
            .await
    }

    /// Sends one more notification about the state of an order.
    pub async fn notify(&self, body: Value) -> Value {
        self.admin("POST", "/notify", body).await
    }

    /// The notifications of an order, the oldest first, with their attempts.
    pub async fn notifications(&self, order: &str) -> Vec<Value> {
        let path = format!("/notifications?order_id={order}");
        let answer = self.admin("GET", &path, Value::Null).await;
        answer["notifications"].as_array().cloned().unwrap_or_default()
    }

    /// Whether everything that was to be sent about an order has been sent and taken.
    pub async fn is_silent_about(&self, order: &str) -> bool {
        let all = self.notifications(order).await;
        !all.is_empty() && all.iter().all(|one| one["state"] == "delivered")
    }

    /// Switches faults on, limited to the orders or times they name.
    ///
    /// # Panics
    /// When there is no file to lock beside `fleet.json`.
    pub async fn faults(&self, rules: Value) -> Faults {
        let turn = File::create(self.fleet.local.join("run/faults.lock")).expect("a file to lock");
        let turn = tokio::task::spawn_blocking(move || turn.lock().map(|()| turn));
        let turn = turn.await.expect("no panic").expect("the lock");
        self.admin("PUT", "/faults", rules).await;
        Faults {
            midtrans: self.clone(),
            _turn: turn,
        }
    }

    /// A notification as Midtrans would sign it.
    pub fn signed(&self, order: &str, status: &str, gross_amount: &str) -> Value {
        let status_code = "200";
        let key = self.fleet.secrets().midtrans_server_key;
        let text = format!("{order}{status_code}{gross_amount}{key}");
        let hash = digest::digest(&digest::SHA512, text.as_bytes());
        let signature: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        json!({
            "transaction_time": "2026-01-01 12:00:00", "transaction_status": status, "transaction_id": "0",
            "status_code": status_code, "signature_key": signature, "payment_type": "bank_transfer",
            "order_id": order, "gross_amount": gross_amount, "fraud_status": "accept", "currency": "IDR",
        })
    }

    async fn admin(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}/admin{path}", self.fleet.midtrans_url);
        let method = method.parse().expect("the method is valid");
        let mut request = self.fleet.http.request(method, url);
        if !body.is_null() {
            request = request.json(&body);
        }
        let reply = Reply::of(request).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }
}

impl Faults {
    /// Replaces the rules.
    pub async fn change(&self, rules: Value) {
        self.midtrans.admin("PUT", "/faults", rules).await;
    }

    /// Switches all faults off.
    pub async fn end(self) {
        self.midtrans.admin("DELETE", "/faults", Value::Null).await;
    }
}

impl PaymentPage {
    /// How the payment stands, as the page says.
    pub fn result(&self) -> &str {
        self.between("data-status=\"", "\"").unwrap_or("")
    }

    /// Where the page leads in the end.
    pub fn way_out(&self) -> String {
        let link = self.between("id=\"continue\" href=\"", "\"");
        let link = link.unwrap_or_else(|| panic!("no link out of {}", self.html));
        link.replace("&amp;", "&")
    }

    fn between(&self, start: &str, end: &str) -> Option<&str> {
        let rest = self.html.split_once(start)?.1;
        Some(rest.split_once(end)?.0)
    }
}

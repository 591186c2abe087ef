//! Tickets bought at once with a promo code, and what the payment page lists.

use domain::TicketTypeId;
use domain::user::Role;
use futures_util::future::join_all;
use payments::{App, router};
use queue::Publisher;
use runtime::{Clock, Env};
use serde_json::{Value, json};
use std::num::NonZeroU32;
use testkit::{Api, Gateway, Reply, Rows, TestDb, TestTokens, start};
use web::Site;

struct Setup {
    db: TestDb,
    gateway: Gateway,
    clock: Clock,
    ticket: TicketTypeId,
    token: String,
}

impl Setup {
    async fn new() -> Self {
        let (db, gateway, clock) = (
            TestDb::new().await,
            Gateway::start().await,
            Clock::set_to(start()),
        );
        let ticket = Rows(&db).on_sale(150_000, 100).await;
        let user = Rows(&db).buyer("ayu@example.test").await;
        Self {
            token: TestTokens::of(user, Role::User, &clock),
            db,
            gateway,
            clock,
            ticket,
        }
    }

    /// A function with a connection of its own, as an execution environment has.
    fn api(&self) -> Api {
        let store = kv::Store::in_memory();
        let app = App {
            db: self.db.db(),
            midtrans: self.gateway.client_of(store.clone(), self.clock.clone()),
            store,
            caller_factor: NonZeroU32::MIN,
            queue: Publisher::in_memory(),
            tokens: TestTokens::checker(),
            clock: self.clock.clone(),
            payment_seconds: 900,
            finish_url: "https://shop.example/done".to_owned(),
        };
        Api::new(router(app, Site::from_env(&Env::default())))
    }

    async fn buy(&self, api: &Api, quantity: u32, code: &str) -> Reply {
        let body = json!({"ticketId": self.ticket, "quantity": quantity, "promoCode": code});
        api.post("/api/v1/payments/initialize", Some(&self.token), body)
            .await
    }

    async fn redeemed(&self) -> i64 {
        self.db.count("select sum(redeemed) from promo_codes").await
    }
}

#[tokio::test]
async fn the_page_lists_what_is_taken_off_and_added() {
    let t = Setup::new().await;
    t.db.run("update events set service_fee = 2500, tax_rate = 1100")
        .await;
    Rows(&t.db).promo("EARLY", "percent = 1250").await;
    let data = t.buy(&t.api(), 3, "early").await.data(201);
    let payment = &data["payment"];
    assert_eq!(
        (
            &payment["amount"],
            &payment["originalAmount"],
            &payment["discount"]
        ),
        (&json!(445_388), &json!(501_638), &json!(56_250))
    );
    let requests = t.gateway.admin("GET", "requests", json!({})).await.to_string();
    for listed in ["Promo: EARLY", "-56250", "Service fee", "7500", "44138", "445388"] {
        assert!(requests.contains(listed), "{listed} in {requests}");
    }
    // Asked again, the page and the code are the same.
    let again = t.buy(&t.api(), 3, "EARLY").await.data(201);
    assert_eq!(again["transactionToken"], data["transactionToken"]);
    assert_eq!(t.redeemed().await, 1);
    let by_order = async |body: Value| {
        t.api()
            .post("/api/v1/payments/initialize", Some(&t.token), body)
            .await
    };
    let order = &payment["orderId"];
    by_order(json!({"orderId": order, "promoCode": "early"}))
        .await
        .data(201);
    let late = by_order(json!({"orderId": order, "promoCode": "OTHER"})).await;
    assert_eq!(late.error(400), "promo_too_late");
}

#[tokio::test]
async fn a_code_for_all_of_the_price_needs_no_gateway() {
    let t = Setup::new().await;
    t.db.run("update events set service_fee = 2500, tax_rate = 1100")
        .await;
    Rows(&t.db)
        .promo("FREE", "percent = 10000, total_limit = 1")
        .await;
    let data = t.buy(&t.api(), 2, "FREE").await.data(201);
    assert_eq!(
        (
            &data["payment"]["status"],
            &data["payment"]["amount"],
            &data["redirectUrl"]
        ),
        (&json!("success"), &json!(0), &Value::Null)
    );
    assert_eq!(t.redeemed().await, 1);
    assert_eq!(
        t.db.count("select count(*) from issued_tickets where status = 'valid'")
            .await,
        2
    );
    assert_eq!(t.buy(&t.api(), 1, "FREE").await.error(409), "promo_used_up");
    assert_eq!(t.db.count("select sum(sold) from ticket_stock").await, 2);
}

#[tokio::test]
async fn codes_that_do_not_work_buy_nothing() {
    let t = Setup::new().await;
    let rows = Rows(&t.db);
    rows.promo("OVER", "valid_to = '2030-01-01T11:59:59Z'").await;
    rows.promo("LATER", "valid_from = '2030-01-01T12:00:01Z'").await;
    let api = t.api();
    for (code, refusal) in [
        ("OVER", "promo_not_valid_now"),
        ("LATER", "promo_not_valid_now"),
        ("NOBODYS", "invalid_promo"),
        ("%%", "invalid_input"),
    ] {
        assert_eq!(t.buy(&api, 1, code).await.error(400), refusal, "{code}");
    }
    assert_eq!(t.db.count("select count(*) from orders").await, 0);
    assert_eq!(t.db.count("select sum(held) from ticket_stock").await, 0);
    t.buy(&api, 1, " ").await.data(201);
}

#[tokio::test]
async fn one_buyer_at_many_windows_uses_a_code_once() {
    let t = Setup::new().await;
    Rows(&t.db).promo("ONCE", "user_limit = 1").await;
    let apis: Vec<_> = (0..8).map(|_| t.api()).collect();
    // Different quantities, so that none is taken for a repetition of another.
    let racing = apis
        .iter()
        .zip(1..)
        .map(async |(api, quantity)| t.buy(api, quantity, "ONCE").await);
    let replies = join_all(racing).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    for lost in replies.iter().filter(|reply| reply.status != 201) {
        assert_eq!(lost.error(409), "promo_limit_reached");
    }
    assert_eq!(t.redeemed().await, 1);
    assert_eq!(t.db.count("select count(*) from orders").await, 1);
}

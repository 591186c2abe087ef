//! Orders that wait for a bank transfer end at their own time, and with their event.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use domain::{TicketTypeId, UserId};
use janitor::{App, Order};
use queue::Publisher;
use runtime::Clock;
use serde_json::json;
use std::time::Duration;
use testkit::{Gateway, Rows, TestDb, start};
use worker::Job as _;

const DAY: i64 = 86_400;

struct Setup {
    db: TestDb,
    gateway: Gateway,
    clock: Clock,
    ticket: TicketTypeId,
    user: UserId,
    janitor: App,
}

impl Setup {
    async fn new() -> Self {
        let (db, gateway, clock) = (
            TestDb::new().await,
            Gateway::start().await,
            Clock::set_to(start()),
        );
        let janitor = App {
            db: db.db(),
            midtrans: gateway.client(),
            queue: Publisher::in_memory(),
            clock: clock.clone(),
        };
        Self {
            ticket: Rows(&db).on_sale(50_000, 100).await,
            user: Rows(&db).buyer("ayu@example.test").await,
            db,
            gateway,
            clock,
            janitor,
        }
    }

    /// How many orders end now.
    async fn run(&self) -> usize {
        self.janitor.run(Order::default()).await.unwrap().orders_expired
    }

    async fn states(&self) -> (String, String, i64) {
        (
            self.db.text("select status from orders").await,
            self.db.text("select status from payments").await,
            self.db.count("select sum(held) from ticket_stock").await,
        )
    }

    async fn letters(&self) -> i64 {
        let sql = "select count(*) from outbox where body like '%transfer_ended%'";
        self.db.count(sql).await
    }
}

fn states(order: &str, payment: &str, held: i64) -> (String, String, i64) {
    (order.to_owned(), payment.to_owned(), held)
}

#[tokio::test]
async fn a_transfer_is_waited_for_until_its_own_time_and_the_gateway_is_not_asked() {
    let t = Setup::new().await;
    let until = start().plus_seconds(DAY);
    Rows(&t.db).order_to_transfer(t.user, t.ticket, 2, until).await;
    // A gateway that does not answer makes orders with pages wait.
    t.gateway.faults(json!({"core": {"respond": 503}})).await;
    t.clock.advance(DAY - 1);
    assert_eq!(
        (t.run().await, t.states().await),
        (0, states("pending", "pending", 2))
    );
    t.clock.advance(1);
    assert_eq!(
        (t.run().await, t.states().await),
        (1, states("expired", "expired", 0))
    );
    assert_eq!(
        t.letters().await,
        1,
        "the buyer is asked not to transfer any more"
    );
    assert_eq!((t.run().await, t.letters().await), (0, 1));
    let asked = t
        .gateway
        .admin("GET", "requests?operation=status", json!({}))
        .await;
    assert_eq!(asked["requests"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn an_event_that_is_called_off_waits_for_no_transfer() {
    let t = Setup::new().await;
    let until = start().plus_seconds(7 * DAY);
    Rows(&t.db).order_to_transfer(t.user, t.ticket, 2, until).await;
    assert_eq!(t.run().await, 0);
    t.db.run("update events set status = 'cancelled'").await;
    assert_eq!(
        (t.run().await, t.states().await),
        (1, states("expired", "expired", 0))
    );
    let told = "select notice ->> 'kind' from notifications";
    assert_eq!(t.db.text(told).await, "order_called_off");
    let left = "select count(*) from outbox where queue = 'mail' and published_at is null";
    assert_eq!(t.db.count(left).await, 0, "the letter left at once");
    assert_eq!(t.letters().await, 1);
}

#[tokio::test]
async fn who_chooses_a_transfer_while_the_end_of_the_order_is_worked_on_keeps_it() {
    let t = Setup::new().await;
    let code = Rows(&t.db)
        .order_to_pay(&t.gateway, t.user, t.ticket, 2, start())
        .await;
    t.clock.advance(900);
    // The janitor hears from the gateway late; meanwhile the order gets more time.
    t.gateway.faults(json!({"core": {"delay_ms": 700}})).await;
    let extend = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let sql = "update orders set expires_at = '2030-01-02 12:00Z' where code = ";
        t.db.run(&format!("{sql}'{code}'")).await;
    };
    let (ended, ()) = tokio::join!(t.run(), extend);
    assert_eq!((ended, t.states().await), (0, states("pending", "pending", 2)));
}

//! Payments of which nobody told us.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use domain::{TicketTypeId, UserId};
use queue::Publisher;
use reconciler::{App, Order, Report};
use runtime::Clock;
use serde_json::{Value, json};
use testkit::{Gateway, Rows, TestDb, start};
use worker::Job as _;

struct Setup {
    db: TestDb,
    gateway: Gateway,
    clock: Clock,
    store: kv::Store,
    ticket: TicketTypeId,
    user: UserId,
}

impl Setup {
    async fn new(capacity: u32) -> Self {
        let db = TestDb::new().await;
        let ticket = Rows(&db).on_sale(150_000, capacity).await;
        let user = Rows(&db).buyer("ayu@example.test").await;
        Self {
            db,
            gateway: Gateway::start().await,
            clock: Clock::set_to(start()),
            store: kv::Store::in_memory(),
            ticket,
            user,
        }
    }

    fn reconciler(&self) -> App {
        App {
            db: self.db.db(),
            midtrans: self.gateway.client_of(self.store.clone(), self.clock.clone()),
            queue: Publisher::in_memory(),
            clock: self.clock.clone(),
        }
    }

    async fn run(&self) -> Report {
        self.reconciler().run(Order {}).await.unwrap()
    }

    /// An order of two tickets with a payment page; returns its code.
    async fn order(&self) -> String {
        let now = self.clock.now();
        Rows(&self.db)
            .order_to_pay(&self.gateway, self.user, self.ticket, 2, now)
            .await
    }

    /// The janitor ends every order: stock goes back, payments expire.
    async fn end_orders(&self) {
        self.db.run("update orders set status = 'expired'").await;
        self.db.run("update payments set status = 'expired'").await;
        self.db.run("delete from holds").await;
        self.db.run("update ticket_stock set held = 0").await;
    }

    /// What the gateway was asked, in its order.
    async fn asked(&self, operation: &str) -> usize {
        let journal = self
            .gateway
            .admin("GET", &format!("requests?operation={operation}"), json!({}))
            .await;
        journal["requests"].as_array().unwrap().len()
    }

    async fn states(&self) -> (String, String, i64) {
        (
            self.db.text("select status from orders").await,
            self.db.text("select status from payments").await,
            self.db
                .count("select count(*) from issued_tickets where status = 'valid'")
                .await,
        )
    }
}

fn said(order: &str, payment: &str, tickets: i64) -> (String, String, i64) {
    (order.to_owned(), payment.to_owned(), tickets)
}

fn report(answered: usize, moved: usize, untouched: usize, unanswered: usize) -> Report {
    Report {
        answered,
        moved,
        untouched,
        unanswered,
    }
}

#[tokio::test]
async fn a_payment_whose_notification_got_lost_is_found_after_two_minutes() {
    let t = Setup::new(10).await;
    let order = t.order().await;
    t.gateway.pay(&order, "bca_va", "settlement").await;
    t.clock.advance(119);
    assert_eq!(t.run().await, report(0, 0, 0, 0));
    t.clock.advance(1);
    assert_eq!(t.run().await, report(1, 1, 0, 0));
    assert_eq!(t.states().await, said("paid", "success", 2));
    t.clock.advance(86_400);
    assert_eq!(t.run().await, report(0, 0, 0, 0), "nothing is left to ask");
    assert_eq!(
        t.db.count("select count(*) from payments where next_check_at is not null")
            .await,
        0
    );
}

#[tokio::test]
async fn a_page_that_nobody_used_is_asked_about_with_growing_gaps() {
    let t = Setup::new(10).await;
    t.order().await;
    let mut minutes = Vec::new();
    for minute in 0..=20 {
        if t.run().await.untouched == 1 {
            minutes.push(minute);
        }
        t.clock.advance(60);
    }
    assert_eq!(minutes, [2, 4, 7, 10, 13, 16, 19]);
    t.end_orders().await;
    t.clock.advance(86_400);
    assert_eq!(t.run().await.untouched, 1);
    t.clock.advance(86_400);
    assert_eq!(t.run().await, Report::default(), "at last it is left alone");
}

#[tokio::test]
async fn money_for_an_order_that_has_ended_is_honoured_while_there_is_stock() {
    for (others, order_after, tickets) in [(0, "paid", 2), (9, "refund_due", 0)] {
        let t = Setup::new(10).await;
        let order = t.order().await;
        t.gateway.pay(&order, "bca_va", "settlement").await;
        t.end_orders().await;
        t.db.run(&format!(
            "update ticket_stock set sold = {others} where sold + {others} <= capacity"
        ))
        .await;
        let left =
            t.db.count("select sum(capacity - sold - held) from ticket_stock")
                .await;
        t.clock.advance(1_200);
        assert_eq!(t.run().await, report(1, 1, 0, 0));
        assert_eq!(
            t.states().await,
            said(order_after, "success", tickets),
            "{left} left"
        );
    }
}

#[tokio::test]
async fn what_can_still_be_paid_for_an_ended_order_is_closed() {
    let t = Setup::new(10).await;
    let order = t.order().await;
    t.gateway.pay(&order, "bca_va", "pending").await;
    t.clock.advance(120);
    t.run().await;
    assert_eq!(t.asked("expire").await, 0, "the order can be paid");
    t.end_orders().await;
    t.clock.advance(1_200);
    assert_eq!(t.run().await, report(1, 0, 0, 0));
    assert_eq!(t.asked("expire").await, 1);
    let known = t
        .gateway
        .admin("GET", &format!("transactions/{order}"), Value::Null)
        .await;
    assert_eq!(known["status"], "expire", "{known}");
}

#[tokio::test]
async fn while_the_gateway_is_away_a_run_is_short_and_the_payments_are_asked_about_a_minute_later() {
    let t = Setup::new(400).await;
    let mut orders = Vec::new();
    for _ in 0..60 {
        orders.push(t.order().await);
    }
    for order in &orders {
        t.gateway.pay(order, "bca_va", "settlement").await;
    }
    t.gateway.faults(json!({"core": {"respond": 503}})).await;
    t.clock.advance(120);
    let told = t.run().await;
    assert_eq!(
        (told.answered, told.unanswered),
        (0, 48),
        "one batch, then it stops"
    );
    assert!(t.asked("status").await <= 10, "{}", t.asked("status").await);
    t.gateway.faults(json!({})).await;
    t.clock.advance(60);
    // One question tries whether the gateway is back, those beside it wait for what comes of it.
    let mut moved = t.run().await.moved;
    t.clock.advance(60);
    moved += t.run().await.moved;
    assert_eq!(moved, 60);
    assert_eq!(t.db.count("select count(*) from issued_tickets").await, 120);
}

#[tokio::test]
async fn runs_at_the_same_time_ask_about_each_payment_once() {
    let t = Setup::new(400).await;
    for _ in 0..100 {
        let order = t.order().await;
        t.gateway.pay(&order, "bca_va", "settlement").await;
    }
    t.clock.advance(120);
    let apps: [App; 4] = std::array::from_fn(|_| t.reconciler());
    let (a, b, c, d) = tokio::join!(
        apps[0].run(Order {}),
        apps[1].run(Order {}),
        apps[2].run(Order {}),
        apps[3].run(Order {}),
    );
    let moved: usize = [a, b, c, d].iter().map(|told| told.as_ref().unwrap().moved).sum();
    assert_eq!((moved, t.asked("status").await), (100, 100));
    assert_eq!(t.db.count("select count(*) from issued_tickets").await, 200);
}

#[tokio::test]
async fn what_a_run_leaves_undone_is_due_again_after_a_minute() {
    let t = Setup::new(10).await;
    let order = t.order().await;
    t.gateway.pay(&order, "bca_va", "settlement").await;
    t.clock.advance(120);
    {
        // A run that dies when it has claimed.
        let db = t.db.db();
        let (conn, now) = (db.conn().await.unwrap(), t.clock.now());
        let claimed = db::reconciliation::claim(&conn, now.plus_seconds(60), 10, now)
            .await
            .unwrap();
        assert_eq!(claimed.len(), 1);
    }
    t.clock.advance(59);
    assert_eq!(t.run().await, report(0, 0, 0, 0));
    t.clock.advance(1);
    assert_eq!(t.run().await, report(1, 1, 0, 0));
}

#[tokio::test]
async fn no_transaction_is_open_while_the_gateway_is_asked() {
    let t = Setup::new(10).await;
    let order = t.order().await;
    t.gateway.pay(&order, "bca_va", "settlement").await;
    t.gateway.faults(json!({"core": {"delay_ms": 700}})).await;
    t.clock.advance(120);
    let reconciler = t.reconciler();
    let watch = async {
        for _ in 0..10 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            let open = "select count(*) from pg_stat_activity
                where datname = current_database() and state like 'idle in transaction%'";
            assert_eq!(t.db.count(open).await, 0);
        }
    };
    let (told, ()) = tokio::join!(reconciler.run(Order {}), watch);
    assert_eq!(told.unwrap(), report(1, 1, 0, 0));
}

#[tokio::test]
async fn a_wrong_amount_is_left_to_people() {
    let t = Setup::new(10).await;
    let order = t.order().await;
    t.gateway
        .faults(json!({"body": {"fee_adjusted_amount": 71, "order_id": order}}))
        .await;
    t.gateway.pay(&order, "bca_va", "settlement").await;
    t.clock.advance(120);
    assert_eq!(t.run().await, report(1, 1, 0, 0));
    assert_eq!(t.states().await, said("disputed", "conflicted", 0));
}

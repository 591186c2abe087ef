#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use db::stock::{Owner, Want};
use domain::price::price;
use domain::{TicketTypeId, UserId};
use gateway::{Customer, Item, SnapOrder};
use janitor::{App, Order, Report};
use queue::Publisher;
use runtime::Clock;
use serde_json::json;
use testkit::{Gateway, Rows, TestDb, line, start};
use worker::Job as _;

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
        let ticket = Rows(&db).on_sale(150_000, 100).await;
        let user = Rows(&db).buyer("ayu@example.test").await;
        let janitor = App {
            db: db.db(),
            midtrans: gateway.client(),
            queue: Publisher::in_memory(),
            clock: clock.clone(),
        };
        Self {
            db,
            gateway,
            clock,
            ticket,
            user,
            janitor,
        }
    }

    async fn run(&self) -> Report {
        self.janitor.run(Order::default()).await.unwrap()
    }

    /// An order of two tickets, with a payment page if asked for; returns its code.
    async fn order(&self, with_page: bool) -> String {
        let code = domain::order::code(runtime::random::bytes());
        let (now, until) = (self.clock.now(), self.clock.now().plus_seconds(900));
        let price = price(&[line(self.ticket, 150_000, 2)], &[]).unwrap();
        let db = self.db.db();
        let mut conn = db.conn().await.unwrap();
        let tx = conn.begin().await.unwrap();
        let (order, lines) = db::orders::insert(&tx, &code, self.user, &price, until, now)
            .await
            .unwrap();
        let want = Want {
            ticket_type: self.ticket,
            quantity: 2,
            first_stripe: 0,
            until,
        };
        db::stock::take(&tx, Owner::Order(lines[0]), want, now)
            .await
            .unwrap()
            .unwrap();
        if with_page {
            db::payments::open(&tx, order.id, until, now).await.unwrap();
        }
        tx.commit().await.unwrap();
        if with_page {
            let items = [Item {
                id: "1".to_owned(),
                name: "F".to_owned(),
                price: 150_000,
                quantity: 2,
                category: "t".to_owned(),
            }];
            let customer = Customer {
                name: "Ayu",
                email: "ayu@example.test",
                phone: "0812",
            };
            let snap = SnapOrder {
                code: &code,
                total: price.total,
                items: &items,
                customer,
                starts: now,
                ends: until,
                finish_url: "https://shop.example/",
            };
            self.gateway.client().create_page(&snap).await.unwrap();
        }
        code
    }

    async fn held(&self) -> i64 {
        self.db.count("select sum(held) from ticket_stock").await
    }
}

#[tokio::test]
async fn carts_give_their_stock_back_when_their_time_is_over() {
    let t = Setup::new().await;
    let db = t.db.db();
    let mut conn = db.conn().await.unwrap();
    for (seconds, stripe) in [(600, 0), (601, 1)] {
        let user = Rows(&t.db).buyer(&format!("b{seconds}@example.test")).await;
        let tx = conn.begin().await.unwrap();
        let until = start().plus_seconds(seconds);
        let item = db::cart::insert(&tx, user, t.ticket, 3, until, start())
            .await
            .unwrap();
        let want = Want {
            ticket_type: t.ticket,
            quantity: 3,
            first_stripe: stripe,
            until,
        };
        db::stock::take(&tx, Owner::Cart(item.id), want, start())
            .await
            .unwrap()
            .unwrap();
        tx.commit().await.unwrap();
    }
    t.clock.advance(599);
    assert_eq!(t.run().await, Report::default());
    t.clock.advance(1);
    assert_eq!((t.run().await.stripes_freed, t.held().await), (1, 3));
    t.clock.advance(1);
    assert_eq!((t.run().await.stripes_freed, t.held().await), (1, 0));
    assert_eq!(
        t.db.count("select count(*) from cart_items").await,
        2,
        "the wishes stay"
    );
}

#[tokio::test]
async fn an_unpaid_order_ends_on_time() {
    let t = Setup::new().await;
    t.order(false).await;
    t.order(true).await;
    t.clock.advance(899);
    assert_eq!(t.run().await.orders_expired, 0);
    t.clock.advance(1);
    assert_eq!((t.run().await.orders_expired, t.held().await), (2, 0));
    assert_eq!(
        t.db.count("select count(*) from orders where status = 'expired'")
            .await,
        2
    );
    assert_eq!(t.db.text("select status from payments").await, "expired");
    assert_eq!(t.run().await, Report::default());
}

#[tokio::test]
async fn a_page_that_waits_for_money_is_closed_before_its_stock_is_sold_again() {
    let t = Setup::new().await;
    let order = t.order(true).await;
    t.gateway.pay(&order, "bca_va", "pending").await;
    t.clock.advance(900);
    assert_eq!(t.run().await.orders_expired, 1);
    let said = t.gateway.client().status(&order).await.unwrap();
    assert_eq!(said.transaction_status, "expire");
}

#[tokio::test]
async fn an_order_that_was_paid_in_silence_is_left_to_the_worker() {
    let t = Setup::new().await;
    let order = t.order(true).await;
    t.gateway.pay(&order, "bca_va", "settlement").await;
    t.clock.advance(900);
    let report = t.run().await;
    assert_eq!(
        (report.orders_paid, report.orders_expired, t.held().await),
        (1, 0, 2)
    );
    let sent = t.janitor.queue.take_sent();
    assert!(sent[0].body.contains(&order), "{sent:?}");
}

#[tokio::test]
async fn a_gateway_that_is_away_buys_the_order_five_minutes() {
    let t = Setup::new().await;
    let order = t.order(true).await;
    t.gateway.pay(&order, "bca_va", "pending").await;
    t.gateway.faults(json!({"core": {"respond": 503}})).await;
    t.clock.advance(900);
    let report = t.run().await;
    assert_eq!(
        (report.orders_waiting, report.orders_expired, t.held().await),
        (1, 0, 2)
    );
    t.clock.advance(300);
    assert_eq!((t.run().await.orders_expired, t.held().await), (1, 0));
}

#[tokio::test]
async fn a_gateway_that_is_away_is_asked_three_times_for_any_number_of_orders() {
    let t = Setup::new().await;
    for _ in 0..12 {
        t.order(true).await;
    }
    t.gateway.faults(json!({"core": {"respond": 503}})).await;
    t.clock.advance(900);
    let report = t.run().await;
    assert_eq!((report.orders_waiting, report.orders_expired), (12, 0));
    let journal = t
        .gateway
        .admin("GET", "requests?operation=status", json!({}))
        .await;
    assert_eq!(journal["requests"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn two_janitors_at_once_give_back_once() {
    let t = Setup::new().await;
    for _ in 0..5 {
        t.order(false).await;
    }
    t.clock.advance(900);
    let other = App {
        db: t.db.db(),
        midtrans: t.gateway.client(),
        queue: Publisher::in_memory(),
        clock: t.clock.clone(),
    };
    let (a, b) = tokio::join!(t.run(), other.run(Order::default()));
    assert_eq!(a.orders_expired + b.unwrap().orders_expired, 5);
    assert_eq!(t.held().await, 0);
}

/// Orders of two tickets of the only event, paid at the gateway as the worker applies it.
async fn paid_orders(t: &Setup, count: usize) {
    for number in 0..count {
        let code = t.order(true).await;
        let db = t.db.db();
        let mut conn = db.conn().await.unwrap();
        let tx = conn.begin().await.unwrap();
        let order = db::orders::find_by_code(tx.client(), &code)
            .await
            .unwrap()
            .unwrap();
        let report = db::settlement::Report {
            transaction_id: format!("t{number}"),
            status: domain::payment::TransactionStatus::Paid,
            gross_amount: "300000.00".to_owned(),
            currency: None,
            payment_type: Some("gopay".to_owned()),
            refunds: Vec::new(),
        };
        let random = runtime::random::hex::<16>;
        db::settlement::apply(&tx, order.id, &report, "a test", &random, start())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn the_orders_of_a_cancelled_event_are_worked_off_once() {
    let t = Setup::new().await;
    paid_orders(&t, 3).await;
    t.db.run("update events set status = 'cancelled'; insert into event_cancellations values (1, 1, now())")
        .await;
    let report = t.run().await;
    assert_eq!(report.orders_called_off, 3);
    for (kind, count) in [("event_cancelled", 3), ("refund_started", 0)] {
        let sql = format!("select count(*) from outbox where body like '%{kind}%'");
        assert_eq!(t.db.count(&sql).await, count, "{kind}");
    }
    assert_eq!(
        t.db.count("select count(*) from outbox where queue = 'refunds'")
            .await,
        3
    );
    assert_eq!(
        t.db.count("select count(*) from issued_tickets where status <> 'void'")
            .await,
        0
    );
    assert_eq!(
        t.db.count("select count(*) from event_cancellations where finished_at is not null")
            .await,
        1
    );
    assert_eq!(t.run().await.orders_called_off, 0);
    // Nobody worked on the refunds: they are announced again, and then left alone for a while.
    t.clock.advance(60);
    assert_eq!(t.run().await.refunds_announced, 3);
    t.clock.advance(60);
    assert_eq!(t.run().await.refunds_announced, 0);
    assert_eq!(
        t.db.count("select count(*) from outbox where queue = 'refunds'")
            .await,
        6
    );
}

#[tokio::test]
async fn an_order_that_cannot_be_worked_off_does_not_keep_the_others_waiting() {
    let t = Setup::new().await;
    paid_orders(&t, 3).await;
    // A refund of this event exists, so the schema refuses a second one.
    t.db.run(
        "update events set status = 'cancelled'; insert into event_cancellations values (1, 1, now());
         insert into refunds (payment_id, key, amount, reason, cause, event_id, status, created_at, updated_at, finished_at)
             select min(id), 'k', 0, 'x', 'event_cancelled', 1, 'failed', now(), now(), now() from payments",
    )
    .await;
    assert_eq!(t.run().await.orders_called_off, 2);
    assert_eq!(
        t.db.count("select count(*) from event_cancellations where finished_at is null")
            .await,
        1
    );
}

#[tokio::test]
async fn what_must_never_be_is_found_and_told() {
    let t = Setup::new().await;
    paid_orders(&t, 1).await;
    let check = async || t.janitor.run(Order { check: true }).await.unwrap().rules_broken;
    t.db.run("update outbox set created_at = now()").await;
    assert_eq!(check().await, [""; 0]);
    t.db.run("update issued_tickets set status = 'void' where id = 1")
        .await;
    assert_eq!(check().await, ["paid_units_have_tickets", "sold_is_in_tickets"]);
}

#[tokio::test]
async fn a_rule_that_takes_too_long_is_told_as_such_and_keeps_no_other_waiting() {
    let t = Setup::new().await;
    paid_orders(&t, 1).await;
    Rows(&t.db).promo("LAST", "total_limit = 5").await;
    t.db.run("update outbox set created_at = now(); update issued_tickets set status = 'void' where id = 1")
        .await;
    // Whoever reads promo codes now waits until the database has enough of that.
    let mut other = t.db.client().await;
    let tx = other.transaction().await.unwrap();
    tx.execute_typed("lock table promo_codes in access exclusive mode", &[])
        .await
        .unwrap();
    let report = t.janitor.run(Order { check: true }).await.unwrap();
    assert_eq!(
        report.rules_broken,
        ["paid_units_have_tickets", "sold_is_in_tickets"]
    );
    assert_eq!(report.rules_unfinished, ["promos_count_their_use"]);
    tx.rollback().await.unwrap();
    let report = t.janitor.run(Order { check: true }).await.unwrap();
    assert_eq!(report.rules_unfinished, [""; 0]);
}

#[tokio::test]
async fn a_promo_code_comes_back_when_the_time_to_pay_is_over() {
    let t = Setup::new().await;
    Rows(&t.db).promo("LAST", "total_limit = 1, redeemed = 1").await;
    let code = t.order(false).await;
    t.db.run(&format!(
        "update orders set discount = 30000, total = subtotal - 30000 where code = '{code}';
         insert into promo_redemptions
         select o.id, p.id, o.user_id, 30000, 'taken', now(), now() from orders o, promo_codes p"
    ))
    .await;
    t.clock.advance(899);
    t.run().await;
    assert_eq!(t.db.count("select redeemed from promo_codes").await, 1);
    t.clock.advance(1);
    assert_eq!(t.run().await.orders_expired, 1);
    assert_eq!(t.db.count("select redeemed from promo_codes").await, 0);
    assert_eq!(
        t.db.text("select status from promo_redemptions").await,
        "returned"
    );
    t.run().await;
    assert_eq!(t.db.count("select redeemed from promo_codes").await, 0);
}

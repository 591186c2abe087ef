#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod notices;
mod refunds;

use db::payments::Opened;
use db::refunds::Asked;
use domain::message::{Envelope, PaymentNotice};
use domain::price::price;
use domain::refund::{Cause, Plan};
use domain::{EventId, OrderId, RefundId, Rupiah, TicketTypeId, Timestamp, UserId};
use gateway::{Customer, Item, SnapOrder};
use payment_worker::App;
use queue::Publisher;
use runtime::Clock;
use serde_json::json;
use testkit::{Gateway, Rows, TestDb, line, start};
use worker::{Consumer as _, Record, handle_batch};

struct Setup {
    db: TestDb,
    gateway: Gateway,
    clock: Clock,
    ticket: TicketTypeId,
    user: UserId,
}

impl Setup {
    async fn new(capacity: u32) -> Self {
        let (db, gateway, clock) = (
            TestDb::new().await,
            Gateway::start().await,
            Clock::set_to(start()),
        );
        let ticket = Rows(&db).on_sale(150_000, capacity).await;
        let user = Rows(&db).buyer("ayu@example.test").await;
        Self {
            db,
            gateway,
            clock,
            ticket,
            user,
        }
    }

    fn worker(&self) -> App {
        App {
            db: self.db.db(),
            midtrans: self.gateway.client(),
            queue: Publisher::in_memory(),
            clock: self.clock.clone(),
        }
    }

    /// An order of two tickets with its payment page; returns its code.
    async fn order(&self) -> String {
        let code = domain::order::code(runtime::random::bytes());
        let until = self.clock.now().plus_seconds(900);
        let price = price(&[line(self.ticket, 150_000, 2)], &[]).unwrap();
        let db = self.db.db();
        let mut conn = db.conn().await.unwrap();
        let tx = conn.begin().await.unwrap();
        let now = self.clock.now();
        let (order, lines) = db::orders::insert(&tx, &code, self.user, &price, until, now)
            .await
            .unwrap();
        let want = db::stock::Want {
            ticket_type: self.ticket,
            quantity: 2,
            first_stripe: 0,
            until,
        };
        db::stock::take(&tx, db::stock::Owner::Order(lines[0]), want, now)
            .await
            .unwrap()
            .unwrap();
        let Opened::Lease(_) = db::payments::open(&tx, order.id, until, now).await.unwrap() else {
            panic!("a lease")
        };
        tx.commit().await.unwrap();
        let items = [Item {
            id: "1".to_owned(),
            name: "Festival".to_owned(),
            price: 150_000,
            quantity: 2,
            category: "t".to_owned(),
        }];
        let snap = SnapOrder {
            code: &code,
            total: price.total,
            items: &items,
            customer: Customer {
                name: "Ayu",
                email: "ayu@example.test",
                phone: "0812",
            },
            starts: now,
            ends: until,
            finish_url: "https://shop.example/done",
        };
        self.gateway.client().create_page(&snap).await.unwrap();
        code
    }

    async fn status(&self) -> (String, String) {
        (
            self.db.text("select status from payments").await,
            self.db.text("select status from orders").await,
        )
    }

    async fn tickets(&self, status: &str) -> i64 {
        self.db
            .count(&format!(
                "select count(*) from issued_tickets where status = '{status}'"
            ))
            .await
    }

    async fn counters(&self) -> (i64, i64, i64) {
        (
            self.db.count("select sum(held) from ticket_stock").await,
            self.db.count("select sum(sold) from ticket_stock").await,
            self.db
                .count("select coalesce(sum(quantity), 0) from holds")
                .await,
        )
    }
}

/// A hint as the webhook queues it. What it says does not matter; that is the point.
fn hint(order: &str, raw: &str) -> Record {
    let notice = PaymentNotice {
        order_code: order.to_owned(),
        transaction_id: Some("forged".to_owned()),
        transaction_status: "settlement".to_owned(),
        status_code: "200".to_owned(),
        received_at: Timestamp::parse("2030-01-01T12:00:00Z").unwrap(),
        raw: raw.to_owned(),
    };
    let body = serde_json::to_string(&Envelope {
        id: "0".repeat(32),
        body: notice,
    })
    .unwrap();
    Record {
        message_id: "m".to_owned(),
        body,
        receive_count: 1,
    }
}

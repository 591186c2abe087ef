//! What the janitor does for those who wait for tickets.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use domain::ticket::Quantity;
use domain::{TicketTypeId, UserId};
use janitor::{App, Order, Report};
use queue::Publisher;
use runtime::Clock;
use testkit::{Gateway, Rows, TestDb, start};
use worker::Job as _;

struct Setup {
    db: TestDb,
    clock: Clock,
    gateway: Gateway,
    ticket: TicketTypeId,
    janitor: App,
}

impl Setup {
    /// These many tickets, none of them left, with a waiting list.
    async fn new(capacity: u32) -> Self {
        let (db, gateway, clock) = (
            TestDb::new().await,
            Gateway::start().await,
            Clock::set_to(start()),
        );
        let ticket = Rows(&db).on_sale(150_000, capacity).await;
        let buyer = Rows(&db).buyer("ayu@example.test").await;
        Rows(&db).bought(buyer, ticket, capacity).await;
        db.run("update ticket_types set waiting_list = 'in_order'").await;
        let janitor = App {
            db: db.db(),
            midtrans: gateway.client(),
            queue: Publisher::in_memory(),
            clock: clock.clone(),
        };
        Self {
            db,
            clock,
            gateway,
            ticket,
            janitor,
        }
    }

    async fn run(&self) -> Report {
        self.janitor.run(Order::default()).await.unwrap()
    }

    async fn joins(&self, name: &str, quantity: u32) -> UserId {
        let user = Rows(&self.db).buyer(&format!("{name}@example.test")).await;
        let db = self.db.db();
        let mut conn = db.conn().await.unwrap();
        let tx = conn.begin().await.unwrap();
        let sale = db::ticket_types::for_sale(tx.client(), &[self.ticket])
            .await
            .unwrap();
        let quantity = Quantity::new(quantity).unwrap();
        let now = self.clock.now();
        db::waiting_list::join(&tx, user, sale.first().unwrap(), quantity, now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        user
    }

    /// A ticket comes back.
    async fn give_back(&self) {
        self.db
            .run(
                "update issued_tickets set status = 'void', voided_at = now()
                 where id = (select min(id) from issued_tickets where status = 'valid');
                 update ticket_stock set sold = sold - 1",
            )
            .await;
    }

    async fn line(&self) -> String {
        let sql = "select string_agg(status, ' ' order by id) from waiting_entries";
        self.db.text(sql).await
    }
}

#[tokio::test]
async fn one_after_the_other_has_their_time() {
    let t = Setup::new(3).await;
    for name in ["budi", "citra", "dewi"] {
        t.joins(name, 1).await;
    }
    assert_eq!(t.run().await, Report::default());
    t.give_back().await;
    assert_eq!(t.run().await.offers_made, 1);
    assert_eq!(t.run().await, Report::default(), "once");
    let mails = "select count(*) from outbox where queue = 'mail' and published_at is not null";
    assert_eq!(t.db.count(mails).await, 1);
    t.clock.advance(1_799);
    assert_eq!(t.run().await, Report::default());
    t.clock.advance(1);
    let report = t.run().await;
    assert_eq!(
        (report.stripes_freed, report.offers_lapsed, report.offers_made),
        (1, 1, 1)
    );
    assert_eq!(t.line().await, "lapsed offered waiting");
}

#[tokio::test]
async fn what_an_unpaid_order_gives_back_is_offered_in_the_same_run() {
    let t = Setup::new(2).await;
    t.give_back().await;
    let buyer = Rows(&t.db).buyer("eka@example.test").await;
    Rows(&t.db)
        .order_to_pay(&t.gateway, buyer, t.ticket, 1, start())
        .await;
    t.joins("budi", 1).await;
    t.clock.advance(901);
    let report = t.run().await;
    assert_eq!((report.orders_expired, report.offers_made), (1, 1));
    assert_eq!(t.line().await, "offered");
}

#[tokio::test]
async fn nobody_waits_for_what_is_over() {
    let t = Setup::new(2).await;
    t.joins("budi", 1).await;
    t.joins("citra", 2).await;
    t.give_back().await;
    t.db.run("update events set status = 'cancelled'").await;
    let report = t.run().await;
    assert_eq!((report.places_closed, report.offers_made), (2, 0));
    assert_eq!(t.line().await, "closed closed");
}

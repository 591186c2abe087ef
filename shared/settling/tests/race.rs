//! A notification, a buyer who looks and the reconciler find out about one payment at the same moment.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use db::reconciliation;
use domain::{OrderId, PaymentId, Timestamp};
use futures_util::future::join_all;
use queue::Publisher;
use runtime::Clock;
use settling::{Books, Midtrans, apply};
use testkit::{Gateway, Rows, TestDb, start};

/// Payments raced for, one after the other.
const ROUNDS: u32 = 25;

/// One environment of the fleet.
struct Environment {
    db: db::Db,
    midtrans: Midtrans,
    queue: Publisher,
}

impl Environment {
    fn new(db: &TestDb, gateway: &Gateway, store: &kv::Store) -> Self {
        Self {
            db: db.db(),
            midtrans: gateway.client_of(store.clone(), Clock::set_to(start())),
            queue: Publisher::in_memory(),
        }
    }

    /// What `payment-worker` does with a hint.
    async fn hear(&self, order: OrderId, code: &str, now: Timestamp) {
        let said = self.midtrans.status(code).await.unwrap();
        let books = Books {
            db: &self.db,
            queue: &self.queue,
            now,
        };
        apply(books, order, code, said).await.unwrap();
    }

    /// What `payments` does for a reader.
    async fn look(&self, payment: PaymentId, now: Timestamp) {
        let due = {
            let conn = self.db.conn().await.unwrap();
            reconciliation::claim_one(&conn, payment, None, now.plus_seconds(-3), now)
                .await
                .unwrap()
        };
        if let Some(due) = due {
            self.hear(due.order_id, &due.order_code, now).await;
        }
    }

    /// What `reconciler` does.
    async fn reconcile(&self, now: Timestamp) {
        let due = {
            let conn = self.db.conn().await.unwrap();
            reconciliation::claim(&conn, now.plus_seconds(60), 10, now)
                .await
                .unwrap()
        };
        for due in due {
            self.hear(due.order_id, &due.order_code, now).await;
        }
    }
}

#[tokio::test]
async fn whoever_finds_out_about_a_payment_it_is_settled_once() {
    let (db, gateway, store) = (
        TestDb::new().await,
        Gateway::start().await,
        kv::Store::in_memory(),
    );
    let ticket = Rows(&db).on_sale(50_000, 200).await;
    let buyer = Rows(&db).buyer("ayu@example.test").await;
    let environments: [Environment; 9] = std::array::from_fn(|_| Environment::new(&db, &gateway, &store));
    let now = start().plus_seconds(120);
    for round in 1..=i64::from(ROUNDS) {
        let code = Rows(&db).order_to_pay(&gateway, buyer, ticket, 2, start()).await;
        let order = OrderId::new(db.count("select max(id) from orders").await);
        let payment = PaymentId::new(db.count("select max(id) from payments").await);
        db.run("update payments set transaction_token = 'a page'").await;
        gateway.pay(&code, "bca_va", "settlement").await;
        join_all(
            environments
                .iter()
                .enumerate()
                .map(async |(number, environment)| match number % 3 {
                    0 => environment.hear(order, &code, now).await,
                    1 => environment.look(payment, now).await,
                    _ => environment.reconcile(now).await,
                }),
        )
        .await;
        let found = [
            db.count("select count(*) from payments where status = 'success'")
                .await,
            db.count("select count(*) from payment_transitions").await,
            db.count("select count(*) from issued_tickets").await,
            db.count("select sum(sold) from ticket_stock").await,
            db.count("select sum(held) from ticket_stock").await,
            db.count("select count(*) from outbox where queue = 'mail'").await,
            db.count("select count(*) from ledger_postings").await,
        ];
        assert_eq!(
            found,
            [round, round, 2 * round, 2 * round, 0, 2 * round, round],
            "round {round}"
        );
    }
}

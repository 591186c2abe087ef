#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

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

#[tokio::test]
async fn a_paid_order_gets_one_ticket_per_unit_once() {
    let t = Setup::new(10).await;
    let (worker, order) = (t.worker(), t.order().await);
    t.gateway.pay(&order, "bca_va", "settlement").await;
    for _ in 0..3 {
        worker.consume(&hint(&order, "a")).await.unwrap();
    }
    assert_eq!(t.status().await, ("success".to_owned(), "paid".to_owned()));
    assert_eq!((t.tickets("valid").await, t.counters().await), (2, (0, 2, 0)));
    assert_eq!(
        t.db.count("select deliveries from payment_notifications").await,
        3
    );
    assert_eq!(t.db.count("select count(*) from payment_transitions").await, 1);
    let sent = worker.queue.take_sent();
    assert_eq!(sent.len(), 1, "one mail");
    assert!(sent[0].body.contains("\"tickets\""));
    assert_eq!(
        t.db.count("select count(distinct code) from issued_tickets where code ~ '^[0-9a-f]{32}$'")
            .await,
        2
    );
}

#[tokio::test]
async fn a_forged_hint_changes_nothing() {
    let t = Setup::new(10).await;
    let (worker, order) = (t.worker(), t.order().await);
    worker
        .consume(&hint(&order, "no method was chosen"))
        .await
        .unwrap();
    t.gateway.pay(&order, "bca_va", "pending").await;
    worker
        .consume(&hint(&order, "says settlement, but is pending"))
        .await
        .unwrap();
    worker
        .consume(&hint("ORDER-OF-SOMEBODY-ELSE", "unknown"))
        .await
        .unwrap();
    assert_eq!(t.status().await, ("pending".to_owned(), "pending".to_owned()));
    assert_eq!((t.tickets("valid").await, t.counters().await), (0, (2, 0, 2)));
}

#[tokio::test]
async fn a_denied_card_leaves_the_order_open_for_another() {
    let t = Setup::new(10).await;
    let (worker, order) = (t.worker(), t.order().await);
    t.gateway.pay(&order, "credit_card", "deny").await;
    worker.consume(&hint(&order, "deny")).await.unwrap();
    assert_eq!(t.status().await, ("failed".to_owned(), "pending".to_owned()));
    t.gateway.pay(&order, "credit_card", "settlement").await;
    worker.consume(&hint(&order, "settlement")).await.unwrap();
    assert_eq!(t.status().await, ("success".to_owned(), "paid".to_owned()));
    assert_eq!(t.tickets("valid").await, 2);
}

#[tokio::test]
async fn eight_workers_on_one_payment_do_it_once() {
    let t = Setup::new(10).await;
    let order = t.order().await;
    t.gateway.pay(&order, "gopay", "settlement").await;
    let workers: Vec<_> = (0..8).map(|_| t.worker()).collect();
    let hint = hint(&order, "x");
    let outcomes = futures_util::future::join_all(workers.iter().map(|worker| worker.consume(&hint))).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!((t.tickets("valid").await, t.counters().await), (2, (0, 2, 0)));
    assert_eq!(t.db.count("select count(*) from outbox").await, 1);
}

/// The janitor ends an order: its stock goes back.
async fn expire(t: &Setup) {
    t.db.run("update orders set status = 'expired'; update payments set status = 'expired'")
        .await;
    let (db, order) = (t.db.db(), t.db.count("select id from orders").await);
    let mut conn = db.conn().await.unwrap();
    let tx = conn.begin().await.unwrap();
    db::stock::release_order(&tx, domain::OrderId::new(order))
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn late_money_is_honoured_while_there_is_stock() {
    let t = Setup::new(10).await;
    let (worker, order) = (t.worker(), t.order().await);
    expire(&t).await;
    assert_eq!(t.counters().await, (0, 0, 0));
    t.gateway.pay(&order, "bca_va", "settlement").await;
    worker.consume(&hint(&order, "late")).await.unwrap();
    assert_eq!(t.status().await, ("success".to_owned(), "paid".to_owned()));
    assert_eq!((t.tickets("valid").await, t.counters().await), (2, (0, 2, 0)));
}

#[tokio::test]
async fn late_money_without_stock_is_to_be_returned() {
    let t = Setup::new(2).await;
    let (worker, order) = (t.worker(), t.order().await);
    expire(&t).await;
    t.db.run("update ticket_stock set sold = 1").await;
    t.gateway.pay(&order, "bca_va", "settlement").await;
    worker.consume(&hint(&order, "late")).await.unwrap();
    assert_eq!(t.status().await, ("success".to_owned(), "refund_due".to_owned()));
    assert_eq!((t.tickets("valid").await, t.counters().await), (0, (0, 1, 0)));
    assert!(worker.queue.take_sent()[0].body.contains("refund_due"));
}

#[tokio::test]
async fn a_wrong_amount_gives_no_ticket() {
    let t = Setup::new(10).await;
    let (worker, order) = (t.worker(), t.order().await);
    t.gateway
        .faults(json!({"body": {"fee_adjusted_amount": 71}}))
        .await;
    t.gateway.pay(&order, "bca_va", "settlement").await;
    worker.consume(&hint(&order, "not what was asked")).await.unwrap();
    assert_eq!(t.status().await, ("conflicted".to_owned(), "disputed".to_owned()));
    assert_eq!(t.tickets("valid").await, 0);
}

#[tokio::test]
async fn money_that_goes_back_voids_the_tickets_and_frees_the_stock() {
    let t = Setup::new(10).await;
    let (worker, order) = (t.worker(), t.order().await);
    t.gateway.pay(&order, "gopay", "settlement").await;
    worker.consume(&hint(&order, "paid")).await.unwrap();
    t.gateway
        .admin("POST", "chargeback", json!({"order_id": order}))
        .await;
    worker.consume(&hint(&order, "chargeback")).await.unwrap();
    assert_eq!(t.status().await, ("chargeback".to_owned(), "disputed".to_owned()));
    assert_eq!(
        (
            t.tickets("valid").await,
            t.tickets("void").await,
            t.counters().await
        ),
        (0, 2, (0, 0, 0))
    );
}

#[tokio::test]
async fn a_gateway_that_is_away_makes_the_hint_come_again() {
    let t = Setup::new(10).await;
    let (worker, order) = (t.worker(), t.order().await);
    t.gateway.pay(&order, "bca_va", "settlement").await;
    t.gateway
        .faults(json!({"core": {"operation": "status", "respond": 503, "times": 1}}))
        .await;
    assert_eq!(
        worker.consume(&hint(&order, "x")).await.unwrap_err().code,
        "gateway_unavailable"
    );
    assert_eq!(t.status().await.0, "pending");
    worker.consume(&hint(&order, "x")).await.unwrap();
    assert_eq!(t.status().await.0, "success");
}

#[tokio::test]
async fn quirks_of_the_gateway_are_understood() {
    for quirk in [
        json!({"body": {"capitalised_status": true}}),
        json!({"body": {"bsi_order_id_quirk": true}}),
    ] {
        let t = Setup::new(10).await;
        let (worker, order) = (t.worker(), t.order().await);
        t.gateway.faults(quirk.clone()).await;
        t.gateway.pay(&order, "bca_va", "settlement").await;
        worker.consume(&hint(&order, "x")).await.unwrap();
        assert_eq!(t.status().await.0, "success", "{quirk}");
    }
}

#[tokio::test]
async fn one_poisoned_message_does_not_hurt_its_neighbours() {
    let t = Setup::new(10).await;
    let (worker, order) = (t.worker(), t.order().await);
    t.gateway.pay(&order, "bca_va", "settlement").await;
    let good = hint(&order, "x").body;
    let records: Vec<_> = ["not json", &good, "{\"id\":1}"]
        .iter()
        .enumerate()
        .map(|(i, body)| json!({"messageId": format!("m{i}"), "body": body, "attributes": {}, "messageAttributes": {}}))
        .collect();
    let event = serde_json::from_value(json!({"Records": records})).unwrap();
    let response = handle_batch(&worker, event).await;
    let failed: Vec<_> = response
        .batch_item_failures
        .iter()
        .map(|failure| failure.item_identifier.as_str())
        .collect();
    assert_eq!(failed, ["m0", "m2"]);
    assert_eq!(t.status().await.0, "success");
}

#[tokio::test]
async fn the_example_events_are_of_the_right_form() {
    let t = Setup::new(10).await;
    for file in ["settlement", "pending", "expire"] {
        let text = std::fs::read_to_string(testkit::event_file(&format!(
            "sqs/payment-notifications/{file}.json"
        )))
        .unwrap();
        let response = handle_batch(&t.worker(), serde_json::from_str(&text).unwrap()).await;
        assert!(response.batch_item_failures.is_empty(), "{file}");
    }
    assert_eq!(t.db.count("select count(*) from payment_notifications").await, 3);
}

/// A refund of so much, or of everything with all tickets, as the API writes it.
async fn refund(t: &Setup, amount: Option<i64>) -> RefundId {
    let db = t.db.db();
    let mut conn = db.conn().await.unwrap();
    let tx = conn.begin().await.unwrap();
    let order = OrderId::new(t.db.count("select max(id) from orders").await);
    let order = db::orders::lock(&tx, order).await.unwrap().unwrap();
    let payment = db::payments::lock_of_order(&tx, order.id).await.unwrap().unwrap();
    let live = db::issued::lock_live(&tx, order.id).await.unwrap();
    let money = Rupiah::new(amount.unwrap_or(300_000)).unwrap();
    let plan = Plan {
        tickets: match amount {
            None => live.iter().map(|ticket| ticket.id).collect(),
            Some(_) => Vec::new(),
        },
        amount: money,
        parts: vec![(EventId::new(1), money)],
    };
    let asked = Asked {
        cause: Cause::Request,
        by: None,
        event: None,
        reason: "The buyer fell ill",
    };
    let random = runtime::random::hex::<16>;
    let (id, _) = db::refunds::request(&tx, &order, &payment, &asked, &plan, &random, t.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    id
}

/// The message that asks for a refund.
fn work(refund: RefundId) -> Record {
    let body = json!({"id": "0".repeat(32), "body": {"refund": refund}});
    Record {
        message_id: "m".to_owned(),
        body: body.to_string(),
        receive_count: 1,
    }
}

impl Setup {
    /// A paid order and its code.
    async fn paid(&self, worker: &App, method: &str, outcome: &str) -> String {
        let order = self.order().await;
        self.gateway.pay(&order, method, outcome).await;
        worker.consume(&hint(&order, "paid")).await.unwrap();
        let last = "select p.status || ' ' || o.status from payments p join orders o on o.id = p.order_id
                    order by p.id desc limit 1";
        assert_eq!(self.db.text(last).await, "success paid");
        worker.queue.take_sent();
        order
    }

    async fn refund_status(&self) -> String {
        self.db
            .text("select string_agg(status, ' ' order by id) from refunds")
            .await
    }

    /// What the gateway gave back.
    async fn given(&self, order: &str) -> i64 {
        let said = self.gateway.client().status(order).await.unwrap();
        let amounts = said
            .refunds
            .iter()
            .filter_map(|refund| Rupiah::parse_decimal(&refund.refund_amount));
        amounts.map(Rupiah::get).sum()
    }

    /// Everything agrees, but for what should have happened by now: the clock of these tests stands in the future.
    async fn assert_consistent(&self) {
        let db = self.db.db();
        let broken = db::invariants::breaches(&db.conn().await.unwrap()).await.unwrap();
        assert!(broken.is_empty(), "{broken:#?}");
    }
}

#[tokio::test]
async fn money_goes_back_once_however_often_it_is_asked_for() {
    let t = Setup::new(10).await;
    let worker = t.worker();
    let order = t.paid(&worker, "gopay", "settlement").await;
    let refund = refund(&t, None).await;
    let workers: Vec<_> = (0..4).map(|_| t.worker()).collect();
    let message = work(refund);
    let outcomes =
        futures_util::future::join_all(workers.iter().map(|worker| worker.consume(&message))).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    worker.consume(&message).await.unwrap();
    assert_eq!(t.refund_status().await, "succeeded");
    assert_eq!(t.status().await, ("refunded".to_owned(), "refunded".to_owned()));
    assert_eq!(t.given(&order).await, 300_000);
    assert_eq!(
        t.db.count("select count(*) from ledger_postings where kind = 'refund'")
            .await,
        1
    );
    assert_eq!(
        t.db.count("select count(*) from outbox where body like '%refund_done%'")
            .await,
        1
    );
    t.assert_consistent().await;
}

#[tokio::test]
async fn a_worker_that_dies_after_the_gateway_gave_the_money_gives_it_once() {
    let t = Setup::new(10).await;
    let worker = t.worker();
    let order = t.paid(&worker, "gopay", "settlement").await;
    let refund = refund(&t, Some(100_000)).await;
    // The gateway gives, and its answer is lost: the same as a worker that dies before it commits.
    t.gateway
        .faults(json!({"core": {"operation": "refund", "lose_reply": true, "times": 1}}))
        .await;
    worker.consume(&work(refund)).await.unwrap();
    assert_eq!(t.refund_status().await, "requested", "nobody knows");
    assert_eq!(t.given(&order).await, 100_000);
    assert!(
        t.db.text("select last_error from refunds")
            .await
            .contains("not available")
    );
    t.worker().consume(&work(refund)).await.unwrap();
    assert_eq!(t.refund_status().await, "succeeded");
    assert_eq!(t.given(&order).await, 100_000);
    assert_eq!(
        t.status().await,
        ("partially_refunded".to_owned(), "paid".to_owned())
    );
    assert_eq!(t.tickets("valid").await, 2, "a gesture takes no ticket");
    t.assert_consistent().await;
}

#[tokio::test]
async fn a_gateway_that_is_away_is_asked_again_and_a_week_later_people_are() {
    let t = Setup::new(10).await;
    let worker = t.worker();
    t.paid(&worker, "gopay", "settlement").await;
    let refund = refund(&t, None).await;
    t.gateway.faults(json!({"core": {"respond": 503}})).await;
    worker.consume(&work(refund)).await.unwrap();
    let waits =
        "select count(*) from refunds where status = 'requested' and attempts = 1 and last_error is not null";
    assert_eq!(t.db.count(waits).await, 1);
    t.clock.advance(7 * 86_400);
    worker.consume(&work(refund)).await.unwrap();
    assert_eq!(t.refund_status().await, "manual");
    let sent = worker.queue.take_sent();
    assert!(
        sent.iter().any(|message| message.body.contains("refund_manual")),
        "{sent:?}"
    );
    worker.consume(&work(refund)).await.unwrap();
    assert_eq!(
        t.db.count("select attempts from refunds").await,
        2,
        "people do it now"
    );
}

#[tokio::test]
async fn a_card_that_is_not_settled_is_called_off_as_a_whole_and_waits_with_a_part() {
    let t = Setup::new(10).await;
    let worker = t.worker();
    let order = t.paid(&worker, "credit_card", "capture").await;
    let part = refund(&t, Some(100_000)).await;
    worker.consume(&work(part)).await.unwrap();
    assert_eq!(t.refund_status().await, "requested");
    assert!(
        t.db.text("select last_error from refunds")
            .await
            .contains("settled")
    );
    t.gateway
        .admin("POST", "advance", json!({"order_id": order}))
        .await;
    worker.consume(&work(part)).await.unwrap();
    assert_eq!(
        (t.refund_status().await.as_str(), t.given(&order).await),
        ("succeeded", 100_000)
    );

    let whole = t.paid(&worker, "credit_card", "capture").await;
    let all = refund(&t, None).await;
    worker.consume(&work(all)).await.unwrap();
    assert_eq!(t.refund_status().await, "succeeded succeeded");
    let said = t.gateway.client().status(&whole).await.unwrap();
    assert_eq!(said.transaction_status, "cancel");
    assert_eq!(
        t.db.text("select status from orders order by id desc limit 1")
            .await,
        "refunded"
    );
    t.assert_consistent().await;
}

#[tokio::test]
async fn what_the_gateway_refuses_for_good_is_left_to_people() {
    let t = Setup::new(10).await;
    let worker = t.worker();
    let order = t.paid(&worker, "gopay", "settlement").await;
    let refund = refund(&t, None).await;
    // GoPay gives back for 45 days.
    t.gateway
        .admin("POST", "clock", json!({"advance_seconds": 46 * 86_400}))
        .await;
    for _ in 0..2 {
        worker.consume(&work(refund)).await.unwrap();
    }
    assert_eq!(
        (t.refund_status().await.as_str(), t.given(&order).await),
        ("manual", 0)
    );
    assert!(t.db.text("select last_error from refunds").await.contains("412"));
    t.assert_consistent().await;
}

#[tokio::test]
async fn a_refund_made_on_the_dashboard_is_written_down() {
    let t = Setup::new(10).await;
    let worker = t.worker();
    let order = t.paid(&worker, "gopay", "settlement").await;
    let money = Rupiah::new(120_000).unwrap();
    t.gateway
        .client()
        .refund(&order, "by-hand", money, "a complaint")
        .await
        .unwrap();
    for _ in 0..2 {
        worker.consume(&hint(&order, "refund")).await.unwrap();
    }
    let seen =
        t.db.text("select concat_ws(' ', cause, status, amount, key, reason) from refunds")
            .await;
    assert_eq!(seen, "gateway succeeded 120000 by-hand a complaint");
    assert_eq!(
        t.status().await,
        ("partially_refunded".to_owned(), "paid".to_owned())
    );
    t.assert_consistent().await;
}

//! Money on its way back.

use super::*;
use domain::refund::{By, Wish, plan_of_conflict};

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

/// A refund of all the money that came in a wrong amount, as the API writes it for an admin.
async fn wrong_amount(t: &Setup) -> RefundId {
    let db = t.db.db();
    let mut conn = db.conn().await.unwrap();
    let tx = conn.begin().await.unwrap();
    let order = OrderId::new(t.db.count("select max(id) from orders").await);
    let order = db::orders::lock(&tx, order).await.unwrap().unwrap();
    let payment = db::payments::lock_of_order(&tx, order.id).await.unwrap().unwrap();
    let plan = plan_of_conflict(By::Admin, &Wish::default(), payment.paid()).unwrap();
    let asked = Asked {
        cause: Cause::WrongAmount,
        by: None,
        event: None,
        reason: "Another amount was asked",
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
async fn money_in_a_wrong_amount_goes_back_as_it_came() {
    let t = Setup::new(10).await;
    let (worker, order) = (t.worker(), t.order().await);
    t.gateway
        .faults(json!({"body": {"fee_adjusted_amount": 71}}))
        .await;
    t.gateway.pay(&order, "gopay", "settlement").await;
    worker.consume(&hint(&order, "not what was asked")).await.unwrap();
    assert_eq!(t.status().await, ("conflicted".to_owned(), "disputed".to_owned()));
    let received = t.db.count("select received from payments").await;
    assert_ne!(received, 300_000);
    let refund = wrong_amount(&t).await;
    worker.consume(&work(refund)).await.unwrap();
    assert_eq!(t.status().await, ("refunded".to_owned(), "refunded".to_owned()));
    let back = "select sum(amount) from refunds where status = 'succeeded'";
    assert_eq!(t.db.count(back).await, received);
    let left = "select coalesce(sum(credit - debit), 0) from ledger_entries where account = 'unearned'";
    assert_eq!(t.db.count(left).await, 0);
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

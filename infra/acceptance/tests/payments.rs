//! Payments that do not go straight: denied, expired, late, forged, repeated, out of order, in the wrong amount.

use acceptance::{Buyer, Database, Fleet, Organizer, Stock, TicketTerms, eventually, unique};
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
const PRICE: i64 = 125_000;

/// What a payment test starts from: a sale of its own, a buyer, and a look into the database.
struct Sale {
    fleet: Fleet,
    db: Database,
    ticket: i64,
    event: String,
    buyer: Buyer,
}

impl Sale {
    async fn of(quantity: i64) -> Self {
        let fleet = Fleet::running();
        let event = Organizer::demo(&fleet).await.event("Payments").await;
        let terms = TicketTerms {
            price: PRICE,
            quantity,
        };
        Self {
            db: fleet.database().await,
            ticket: event.sell(terms).await,
            event: event.name,
            buyer: Buyer::register(&fleet).await,
            fleet,
        }
    }

    async fn until_payment_is(&self, order: &str, status: &str) {
        eventually(&format!("payment of {order} is {status}"), PATIENCE, async || {
            (self.db.payment(order).await.as_deref() == Some(status)).then_some(())
        })
        .await;
    }

    /// Waits until every notification sent so far has been taken and worked off.
    async fn until_all_is_said(&self, order: &str) {
        let midtrans = self.fleet.midtrans();
        eventually("notifications were delivered", PATIENCE, async || {
            midtrans.is_silent_about(order).await.then_some(())
        })
        .await;
        let sent = i64::try_from(midtrans.notifications(order).await.len()).unwrap();
        self.until_told(order, sent).await;
    }

    /// Waits until the worker has stored so many deliveries about an order.
    async fn until_told(&self, order: &str, deliveries: i64) {
        let sql =
            "select coalesce(sum(deliveries), 0)::bigint from payment_notifications where order_code = $1";
        eventually("the worker saw every notification", PATIENCE, async || {
            (self.db.number(sql, &[&order]).await >= deliveries).then_some(())
        })
        .await;
    }

    async fn stock(&self) -> (i64, i64) {
        let Stock { held, sold, .. } = self.db.stock(self.ticket).await;
        (held, sold)
    }

    /// Everything that a settlement writes, to see that nothing was written twice.
    async fn traces(&self, order: &str) -> Value {
        let count = async |sql: &str| self.db.number(sql, &[&order]).await;
        json!({
            "tickets": self.db.tickets(order).await,
            "moves": count("select count(*) from payment_transitions t join payments p on p.id = t.payment_id
                            join orders o on o.id = p.order_id where o.code = $1").await,
            "mails": count("select count(*) from outbox x join orders o on x.body like '%\"order\":' || o.id || '}%'
                            where o.code = $1 and x.queue = 'mail'").await,
            "order": self.db.order(order).await,
            "payment": self.db.payment(order).await,
        })
    }
}

#[tokio::test]
async fn after_a_denial_the_same_page_takes_another_try() {
    let sale = Sale::of(5).await;
    let order = sale.buyer.order(sale.ticket, 2).await;
    let url = sale.buyer.open_payment(&order).await;
    let midtrans = sale.fleet.midtrans();
    let page = midtrans.open(&url).await;
    let denied = midtrans.press(&page, "deny", Some("credit_card")).await;
    sale.until_payment_is(&order, "failed").await;
    assert_eq!(
        (sale.db.order(&order).await.as_str(), sale.stock().await),
        ("pending", (2, 0)),
        "the tickets are kept"
    );

    assert_eq!(
        sale.buyer.open_payment(&order).await,
        url,
        "the page stays the same"
    );
    let paid = midtrans.press(&denied, "pay", Some("bca_va")).await;
    assert_eq!(paid.result(), "settlement");
    sale.until_payment_is(&order, "success").await;
    assert_eq!((sale.db.tickets(&order).await, sale.stock().await), (2, (0, 2)));
}

#[tokio::test]
async fn an_attempt_that_expires_gives_its_tickets_back_when_the_order_ends() {
    let sale = Sale::of(3).await;
    let order = sale.buyer.order_to_pay(sale.ticket, 3).await;
    sale.fleet.midtrans().attempt(&order, "bca_va", "expire").await;
    sale.until_payment_is(&order, "expired").await;
    sale.db.let_expire(&order).await;
    sale.fleet.invoke("janitor", &json!({})).await;
    assert_eq!(
        (sale.db.order(&order).await.as_str(), sale.stock().await),
        ("expired", (0, 0))
    );
    let late = sale
        .buyer
        .api
        .post("/payments/initialize", &json!({"orderId": order}))
        .await;
    assert_eq!(late.error(409), "order_closed");
    Buyer::register(&sale.fleet).await.order(sale.ticket, 3).await;
}

#[tokio::test]
async fn an_order_nobody_pays_ends_and_its_page_is_closed() {
    let sale = Sale::of(2).await;
    let order = sale.buyer.order_to_pay(sale.ticket, 2).await;
    sale.fleet.midtrans().attempt(&order, "bca_va", "pending").await;
    sale.db.let_expire(&order).await;
    sale.fleet.invoke("janitor", &json!({})).await;
    assert_eq!(
        (sale.db.order(&order).await.as_str(), sale.stock().await),
        ("expired", (0, 0))
    );
    let known = sale.fleet.midtrans().order(&order).await;
    assert_eq!(
        known["status"], "expire",
        "nobody can pay for stock that is on sale again: {known}"
    );
}

#[tokio::test]
async fn an_order_that_was_paid_in_silence_is_not_ended() {
    let sale = Sale::of(2).await;
    let order = sale.buyer.order_to_pay(sale.ticket, 1).await;
    let faults = sale
        .fleet
        .midtrans()
        .faults(json!({"order_id": order, "notifications": {"drop": true}}))
        .await;
    sale.fleet.midtrans().pay(&order, "bca_va").await;
    faults.end().await;
    sale.db.let_expire(&order).await;
    sale.fleet.invoke("janitor", &json!({})).await;
    sale.until_payment_is(&order, "success").await;
    assert_eq!((sale.db.tickets(&order).await, sale.stock().await), (1, (0, 1)));
}

#[tokio::test]
async fn a_payment_of_which_nobody_told_is_found_and_gives_its_tickets() {
    let sale = Sale::of(2).await;
    let order = sale.buyer.order_to_pay(sale.ticket, 2).await;
    let faults = sale
        .fleet
        .midtrans()
        .faults(json!({"order_id": order, "notifications": {"drop": true}}))
        .await;
    sale.fleet.midtrans().pay(&order, "bca_va").await;
    faults.end().await;
    let due =
        "update payments set next_check_at = now() where order_id = (select id from orders where code = $1)";
    sale.db.run(due, &[&order]).await;
    sale.fleet.invoke("reconciler", &json!({})).await;
    sale.until_payment_is(&order, "success").await;
    assert_eq!((sale.db.tickets(&order).await, sale.stock().await), (2, (0, 2)));
    sale.fleet.mail(&sale.buyer.email, &sale.event).await;
}

#[tokio::test]
async fn late_money_is_honoured_while_there_is_stock() {
    let sale = Sale::of(4).await;
    let order = sale.buyer.order_to_pay(sale.ticket, 2).await;
    sale.fleet.midtrans().attempt(&order, "bca_va", "pending").await;
    sale.db.let_expire(&order).await;
    sale.fleet.invoke("janitor", &json!({})).await;
    assert_eq!(
        (sale.db.order(&order).await.as_str(), sale.stock().await),
        ("expired", (0, 0))
    );
    sale.until_all_is_said(&order).await;

    sale.fleet.midtrans().pay_late(&order).await;
    sale.until_payment_is(&order, "success").await;
    assert_eq!(
        (sale.db.order(&order).await.as_str(), sale.stock().await),
        ("paid", (0, 2))
    );
    assert_eq!(sale.buyer.tickets().await.len(), 2);
    sale.fleet.mail(&sale.buyer.email, &sale.event).await;
}

#[tokio::test]
async fn late_money_without_stock_is_to_be_given_back() {
    let sale = Sale::of(2).await;
    let order = sale.buyer.order_to_pay(sale.ticket, 2).await;
    sale.fleet.midtrans().attempt(&order, "bca_va", "pending").await;
    sale.db.let_expire(&order).await;
    sale.fleet.invoke("janitor", &json!({})).await;
    sale.until_all_is_said(&order).await;
    let faster = Buyer::register(&sale.fleet).await;
    let theirs = faster.order_to_pay(sale.ticket, 1).await;

    sale.fleet.midtrans().pay_late(&order).await;
    sale.until_payment_is(&order, "success").await;
    let seen = (
        sale.db.order(&order).await,
        sale.db.tickets(&order).await,
        sale.stock().await,
    );
    assert_eq!(
        seen,
        ("refund_due".to_owned(), 0, (1, 0)),
        "all or nothing, and nobody else loses anything"
    );
    eventually("the buyer is told", PATIENCE, async || {
        let mails = sale.fleet.mails(&sale.buyer.email).await;
        (mails.iter().any(|mail| {
            mail.text.contains(&order) && mail.pictures.is_empty() && !mail.subject.contains(&sale.event)
        }) && mails.len() >= 2)
            .then_some(())
    })
    .await;
    sale.fleet.midtrans().pay(&theirs, "bca_va").await;
    sale.until_payment_is(&theirs, "success").await;
    assert_eq!(sale.stock().await, (0, 1));
}

#[tokio::test]
async fn a_forged_notification_is_refused_and_changes_nothing() {
    let sale = Sale::of(2).await;
    let order = sale.buyer.order_to_pay(sale.ticket, 2).await;
    let midtrans = sale.fleet.midtrans();
    let good = midtrans.signed(&order, "settlement", "250000.00");
    let edit = |key: &str, value: Value| {
        let mut body = good.clone();
        body[key] = value;
        body
    };
    let stranger = sale.fleet.stranger();
    let reversed: String = good["signature_key"].as_str().unwrap().chars().rev().collect();
    for forged in [
        edit("signature_key", reversed.into()),
        edit("signature_key", "".into()),
        edit(
            "signature_key",
            good["signature_key"].as_str().unwrap().to_uppercase().into(),
        ),
        edit("gross_amount", "1.00".into()),
        edit("order_id", format!("ORDER-{}", "0".repeat(32)).into()),
        edit("status_code", "201".into()),
    ] {
        let reply = stranger.post("/payments/notifications", &forged).await;
        assert_eq!(reply.error(401), "unauthenticated", "{forged}");
    }
    for broken in [
        json!({}),
        edit("signature_key", Value::Null),
        edit("gross_amount", json!(250_000)),
    ] {
        let reply = stranger.post("/payments/notifications", &broken).await;
        assert_eq!(reply.error(400), "malformed_notification", "{broken}");
    }
    let sql = "select count(*) from payment_notifications where order_code = $1";
    assert_eq!(sale.db.number(sql, &[&order]).await, 0, "nothing was queued");
    assert_eq!(
        (sale.db.payment(&order).await.as_deref(), sale.stock().await),
        (Some("pending"), (2, 0))
    );
}

/// The signature does not cover the status, so whoever has seen one true notification can write another.
#[tokio::test]
async fn an_edited_status_under_a_true_signature_is_not_believed() {
    let sale = Sale::of(2).await;
    let order = sale.buyer.order_to_pay(sale.ticket, 2).await;
    let midtrans = sale.fleet.midtrans();
    midtrans.attempt(&order, "bca_va", "pending").await;
    sale.until_all_is_said(&order).await;
    let before = sale.traces(&order).await;
    for (status, told) in [
        ("settlement", 2),
        ("capture", 3),
        ("refund", 4),
        ("deny", 5),
        ("nonsense", 6),
    ] {
        let edited = json!({"order_id": order, "override": {"transaction_status": status}});
        midtrans.notify(edited).await;
        sale.until_told(&order, told).await;
    }
    assert_eq!((sale.traces(&order).await, sale.stock().await), (before, (2, 0)));
    midtrans.pay(&order, "bca_va").await;
    sale.until_payment_is(&order, "success").await;
    assert_eq!(sale.stock().await, (0, 2));
}

#[tokio::test]
async fn notifications_that_come_many_times_and_out_of_order_change_nothing_more() {
    let sale = Sale::of(3).await;
    let order = sale.buyer.order_to_pay(sale.ticket, 2).await;
    let midtrans = sale.fleet.midtrans();
    let rules = json!({"order_id": order, "notifications": [
        {"status": "pending", "reorder": true, "duplicate": 3},
        {"status": "settlement", "duplicate": 5, "pending_after_settlement": true, "after_ms": 300},
    ]});
    let faults = midtrans.faults(rules).await;
    midtrans.attempt(&order, "bca_va", "pending").await;
    midtrans.pay(&order, "bca_va").await;
    sale.until_payment_is(&order, "success").await;
    let settled = sale.traces(&order).await;
    eventually("the pending message came again", PATIENCE, async || {
        let again = midtrans.notifications(&order).await;
        (again.len() == 4 + 6 + 1).then_some(())
    })
    .await;
    faults.end().await;
    sale.until_all_is_said(&order).await;
    assert_eq!(sale.traces(&order).await, settled);
    assert_eq!(settled["tickets"], 2, "{settled}");
    assert_eq!(settled["moves"], 1, "{settled}");
    assert_eq!(
        settled["mails"], 3,
        "one about the order, one about the payment, one with the tickets: {settled}"
    );
    assert_eq!(sale.stock().await, (0, 2));
    let tickets = sale.fleet.mails(&sale.buyer.email).await;
    let with_tickets = tickets.iter().filter(|mail| !mail.pictures.is_empty()).count();
    assert!(with_tickets <= 1, "the tickets were mailed {with_tickets} times");
}

#[tokio::test]
async fn a_payment_in_the_wrong_amount_is_left_to_people() {
    let sale = Sale::of(2).await;
    let order = sale.buyer.order_to_pay(sale.ticket, 1).await;
    let midtrans = sale.fleet.midtrans();
    let faults = midtrans
        .faults(json!({"body": {"fee_adjusted_amount": 4_000, "order_id": order}}))
        .await;
    midtrans.pay(&order, "bca_va").await;
    faults.end().await;
    sale.until_payment_is(&order, "conflicted").await;
    assert_eq!(
        (
            sale.db.order(&order).await.as_str(),
            sale.db.tickets(&order).await
        ),
        ("disputed", 0)
    );
    let history = sale.buyer.api.get("/payments/history").await.data(200);
    assert_eq!(history["payments"][0]["status"], "conflicted");
}

#[tokio::test]
async fn a_card_under_review_waits_and_a_chargeback_voids_the_tickets() {
    let sale = Sale::of(2).await;
    let order = sale.buyer.order_to_pay(sale.ticket, 1).await;
    let midtrans = sale.fleet.midtrans();
    midtrans.attempt(&order, "credit_card", "challenge").await;
    sale.until_payment_is(&order, "challenge").await;
    assert_eq!((sale.db.tickets(&order).await, sale.stock().await), (0, (1, 0)));

    let second = Buyer::register(&sale.fleet).await;
    let other = second.order_to_pay(sale.ticket, 1).await;
    midtrans.attempt(&other, "credit_card", "settlement").await;
    sale.until_payment_is(&other, "success").await;
    let issued = second.tickets().await.remove(0);
    midtrans.charge_back(&other).await;
    sale.until_payment_is(&other, "chargeback").await;
    assert_eq!(
        (sale.db.order(&other).await.as_str(), sale.stock().await),
        ("disputed", (1, 0))
    );
    let event = issued["eventId"].as_i64().unwrap();
    let organizer = Organizer::demo(&sale.fleet).await;
    organizer.send_staff(&sale.fleet, event).await;
    let staff = Organizer::with_role(&sale.fleet, "staff").await;
    let verdict = staff
        .api
        .post("/tickets/verify", &json!({"token": issued["token"]}))
        .await
        .data(200);
    assert_eq!(
        (&verdict["valid"], &verdict["reason"]),
        (&json!(false), &json!("void")),
        "{verdict}"
    );
    let code = issued["code"].as_str().unwrap();
    let qr = second.api.get(&format!("/tickets/mine/{code}/qr.png")).await;
    assert_eq!(qr.error(409), "ticket_void");
}

#[tokio::test]
async fn the_test_button_of_the_dashboard_is_answered_kindly() {
    let fleet = Fleet::running();
    let order = format!("payment_notif_test_{}", unique());
    let test = fleet.midtrans().signed(&order, "settlement", "105000.00");
    fleet
        .stranger()
        .post("/payments/notifications", &test)
        .await
        .data(200);
    let stranger_order = fleet
        .midtrans()
        .signed("ORDER-OF-ANOTHER-SHOP", "settlement", "1000.00");
    fleet
        .stranger()
        .post("/payments/notifications", &stranger_order)
        .await
        .data(200);
}

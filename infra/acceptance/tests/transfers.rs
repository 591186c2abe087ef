//! Bank transfers: told, confirmed by the organizer, at the gate; late with and without stock; given back by people.

use acceptance::{Buyer, Database, Event, Fleet, Gate, Organizer, TicketTerms, eventually, unique};
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(90);

struct Sale {
    fleet: Fleet,
    db: Database,
    organizer: Organizer,
    event: Event,
    ticket: i64,
    buyer: Buyer,
}

impl Sale {
    /// So many tickets of an event whose organizer takes transfers for two days.
    async fn of(quantity: i64) -> Self {
        let fleet = Fleet::running();
        let organizer = Organizer::demo(&fleet).await;
        let event = organizer.event("Transfers").await;
        let terms = TicketTerms {
            price: 125_000,
            quantity,
        };
        let account = json!({
            "enabled": true, "bank": "BCA", "accountNumber": "123-456-7890", "accountHolder": "PT Festival", "hours": 48,
        });
        let path = format!("/events/{}/bank-transfer", event.id);
        let set = organizer.api.put(&path, &account).await.data(200);
        assert_eq!(set["accountNumber"], "1234567890");
        assert_eq!(organizer.api.get(&path).await.data(200), set);
        Self {
            db: fleet.database().await,
            ticket: event.sell(terms).await,
            buyer: Buyer::register(&fleet).await,
            organizer,
            event,
            fleet,
        }
    }

    /// An order that a buyer wants to pay by transfer; its payment.
    async fn chosen(&self, buyer: &Buyer, quantity: i64) -> Value {
        let order = buyer.order(self.ticket, quantity).await;
        let body = json!({"orderId": order, "method": "manual_transfer"});
        let data = buyer.api.post("/payments/initialize", &body).await.data(201);
        assert_eq!(data["redirectUrl"], Value::Null);
        data["payment"].clone()
    }

    async fn confirm(&self, payment: &Value, reference: &str) -> acceptance::Reply {
        let path = format!("/payments/{}/transfer", payment["id"]);
        let body = json!({"reference": reference, "amount": payment["amount"]});
        self.organizer.api.post(&path, &body).await
    }

    /// Ends the time of an order, as two days would.
    async fn expire(&self, payment: &Value) {
        let order = code(payment);
        self.db.let_expire(&order).await;
        self.fleet.invoke("janitor", &json!({})).await;
        assert_eq!(self.db.order(&order).await, "expired");
    }

    /// A mail to a buyer with these words in it.
    async fn told(&self, buyer: &Buyer, words: &str) {
        eventually(&format!("a mail says {words:?}"), PATIENCE, async || {
            let mails = self.fleet.mails(&buyer.email).await;
            mails.iter().any(|mail| mail.text.contains(words)).then_some(())
        })
        .await;
    }
}

fn code(payment: &Value) -> String {
    payment["orderId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_transfer_leads_to_a_ticket_that_opens_the_gate() {
    let sale = Sale::of(5).await;
    let payment = sale.chosen(&sale.buyer, 2).await;
    let due = &payment["transfer"];
    assert_eq!(
        (&due["accountNumber"], &due["amount"]),
        (&json!("1234567890"), &json!(250_000))
    );
    sale.told(&sale.buyer, due["code"].as_str().unwrap()).await;
    // A look at the payment, the reconciler and a forged notification change nothing: the gateway has nothing to tell.
    let path = format!("/payments/{}", payment["id"]);
    assert_eq!(sale.buyer.api.get(&path).await.data(200)["status"], "pending");
    sale.fleet.invoke("reconciler", &json!({})).await;
    let order = code(&payment);
    let forged = sale.fleet.midtrans().signed(&order, "settlement", "250000.00");
    let told = sale
        .fleet
        .stranger()
        .post("/payments/notifications", &forged)
        .await;
    assert_eq!(told.status, 200, "{}", told.text());
    eventually("the notification is kept", PATIENCE, async || {
        let sql = "select count(*) from payment_notifications where order_code = $1";
        (sale.db.number(sql, &[&order]).await > 0).then_some(())
    })
    .await;
    assert_eq!(sale.db.payment(&order).await.as_deref(), Some("pending"));

    let list = format!("/payments/transfers?eventId={}", sale.event.id);
    let waiting = sale.organizer.api.get(&list).await.data(200);
    assert_eq!(waiting["transfers"][0]["paymentId"], payment["id"], "{waiting}");
    let reference = unique();
    let confirmed = sale.confirm(&payment, &reference).await.data(200);
    assert_eq!(confirmed["status"], "success");
    assert_eq!(sale.confirm(&payment, &reference).await.data(200), confirmed);
    assert_eq!(sale.organizer.api.get(&list).await.data(200)["meta"]["total"], 0);
    let tickets = sale.buyer.tickets().await;
    assert_eq!(tickets.len(), 2);
    let keys = sale.fleet.stranger().get("/tickets/keys").await.data(200);
    let scanned = Gate::with_keys(&keys).scan(tickets[0]["token"].as_str().unwrap());
    assert_eq!(scanned.unwrap().event, sale.event.id);
    sale.organizer.send_staff(&sale.fleet, sale.event.id).await;
    let staff = Organizer::with_role(&sale.fleet, "staff").await;
    let scan = json!({"token": tickets[0]["token"]});
    assert_eq!(
        staff.api.post("/tickets/verify", &scan).await.data(200)["valid"],
        true
    );
    eventually("the tickets are mailed", PATIENCE, async || {
        let mails = sale.fleet.mails(&sale.buyer.email).await;
        mails.iter().any(|mail| !mail.pictures.is_empty()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn two_who_confirm_at_once_are_told_who_was_first() {
    let sale = Sale::of(5).await;
    let payment = sale.chosen(&sale.buyer, 2).await;
    let (one, other) = (unique(), unique());
    let replies = futures_util::future::join_all((0..6).map(|number| {
        let reference = if number % 2 == 0 { &one } else { &other };
        sale.confirm(&payment, reference)
    }))
    .await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 3);
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        assert_eq!(reply.error(409), "transfer_confirmed");
    }
    assert_eq!(sale.buyer.tickets().await.len(), 2);
    let stock = sale.db.stock(sale.ticket).await;
    assert_eq!((stock.held, stock.sold), (0, 2));
}

#[tokio::test]
async fn a_late_transfer_is_honoured_while_there_is_stock() {
    let sale = Sale::of(2).await;
    let payment = sale.chosen(&sale.buyer, 2).await;
    sale.expire(&payment).await;
    sale.told(&sale.buyer, "jangan transfer lagi").await;
    let late = format!("/payments/transfers?status=expired&eventId={}", sale.event.id);
    assert_eq!(sale.organizer.api.get(&late).await.data(200)["meta"]["total"], 1);
    sale.confirm(&payment, &unique()).await.data(200);
    assert_eq!(sale.db.order(&code(&payment)).await, "paid");
    assert_eq!(sale.buyer.tickets().await.len(), 2);
}

#[tokio::test]
async fn a_late_transfer_without_stock_is_for_people_to_transfer_back() {
    let sale = Sale::of(2).await;
    let payment = sale.chosen(&sale.buyer, 2).await;
    sale.expire(&payment).await;
    Buyer::register(&sale.fleet).await.order(sale.ticket, 1).await;
    sale.confirm(&payment, &unique()).await.data(200);
    let order = code(&payment);
    assert_eq!(sale.db.order(&order).await, "refund_due");
    let tasks = sale
        .organizer
        .api
        .get("/payments/refunds?status=manual&limit=100")
        .await
        .data(200);
    let tasks = tasks["refunds"].as_array().unwrap();
    let task = tasks
        .iter()
        .find(|task| task["orderId"] == order.as_str())
        .unwrap();
    assert_eq!(
        (&task["amount"], &task["cause"]),
        (&json!(250_000), &json!("late_payment"))
    );
    let done = format!("/payments/refunds/{}/done", task["id"]);
    sale.organizer
        .api
        .post(&done, &json!({"reference": "BCA 4711"}))
        .await
        .data(200);
    assert_eq!(sale.db.order(&order).await, "refunded");
    sale.told(&sale.buyer, "BCA 4711").await;
}

#[tokio::test]
async fn tickets_paid_by_transfer_of_a_cancelled_event_are_given_back_by_people() {
    let sale = Sale::of(9).await;
    let paid = sale.chosen(&sale.buyer, 2).await;
    sale.confirm(&paid, &unique()).await.data(200);
    let other = Buyer::register(&sale.fleet).await;
    let waiting = sale.chosen(&other, 1).await;
    let cancel = format!("/events/{}/cancel", sale.event.id);
    sale.organizer.api.post(&cancel, &json!({})).await.data(200);
    eventually("both orders are worked off", PATIENCE, async || {
        sale.fleet.invoke("janitor", &json!({})).await;
        let ended = sale.db.order(&code(&waiting)).await == "expired";
        (ended && sale.db.tickets(&code(&paid)).await == 0).then_some(())
    })
    .await;
    sale.told(&other, "jangan transfer lagi").await;
    let tasks = format!("/payments/refunds?status=manual&eventId={}", sale.event.id);
    let tasks = sale.organizer.api.get(&tasks).await.data(200);
    assert_eq!(
        (&tasks["meta"]["total"], &tasks["refunds"][0]["amount"]),
        (&json!(1), &json!(250_000))
    );
    // The other one had transferred already: that money goes back, too.
    sale.confirm(&waiting, &unique()).await.data(200);
    assert_eq!(sale.db.order(&code(&waiting)).await, "refund_due");
}

#[tokio::test]
async fn whoever_gives_a_transfer_up_pays_another_way() {
    let sale = Sale::of(2).await;
    let payment = sale.chosen(&sale.buyer, 2).await;
    let order = json!({"orderId": payment["orderId"]});
    let refused = sale.buyer.api.post("/payments/initialize", &order).await;
    assert_eq!(refused.error(409), "transfer_chosen");
    let path = format!("/payments/{}/transfer", payment["id"]);
    let given_up = sale.buyer.api.delete(&path).await.data(200);
    assert_eq!(given_up["status"], "cancelled");
    let order = sale.buyer.order_to_pay(sale.ticket, 2).await;
    sale.fleet.midtrans().pay(&order, "gopay").await;
    eventually("the order is paid", PATIENCE, async || {
        (sale.db.order(&order).await == "paid").then_some(())
    })
    .await;
    let by_transfer = json!({"orderId": order, "method": "manual_transfer"});
    let paid = sale.buyer.api.post("/payments/initialize", &by_transfer).await;
    assert_eq!(paid.error(409), "order_paid");
}

#[tokio::test]
async fn money_in_a_wrong_amount_is_given_back_by_an_admin() {
    let sale = Sale::of(2).await;
    let order = sale.buyer.order_to_pay(sale.ticket, 1).await;
    let midtrans = sale.fleet.midtrans();
    let faults = midtrans
        .faults(json!({"body": {"fee_adjusted_amount": 4_000, "order_id": order}}))
        .await;
    midtrans.pay(&order, "gopay").await;
    faults.end().await;
    eventually("the payment is in conflict", PATIENCE, async || {
        (sale.db.payment(&order).await.as_deref() == Some("conflicted")).then_some(())
    })
    .await;
    let sql = "select p.id from payments p join orders o on o.id = p.order_id where o.code = $1";
    let refunds = format!("/payments/{}/refunds", sale.db.number(sql, &[&order]).await);
    let wish = json!({"reason": "Another amount was asked"});
    for api in [&sale.buyer.api, &sale.organizer.api] {
        assert_eq!(api.post(&refunds, &wish).await.error(409), "not_refundable");
    }
    let admin = Organizer::with_role(&sale.fleet, "admin").await;
    let asked = admin.api.post(&refunds, &wish).await.data(201);
    assert_eq!(
        (&asked["amount"], &asked["cause"]),
        (&json!(129_000), &json!("wrong_amount"))
    );
    eventually("the money went back", PATIENCE, async || {
        (sale.db.order(&order).await == "refunded").then_some(())
    })
    .await;
    sale.told(&sale.buyer, "129.000").await;
}

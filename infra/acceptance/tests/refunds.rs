//! Money goes back: asked for, by ticket, twice at once, by hand, too late for its tickets, and for a cancelled event.

use acceptance::{Api, Buyer, Database, Event, Fleet, Organizer, TicketTerms, eventually, unique};
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(90);
const TERMS: TicketTerms = TicketTerms {
    price: 125_000,
    quantity: 20,
};

struct Sale {
    fleet: Fleet,
    db: Database,
    organizer: Organizer,
    event: Event,
    ticket: i64,
    buyer: Buyer,
}

impl Sale {
    async fn new() -> Self {
        let fleet = Fleet::running();
        let organizer = Organizer::demo(&fleet).await;
        let event = organizer.event("Refunds").await;
        Self {
            db: fleet.database().await,
            ticket: event.sell(TERMS).await,
            buyer: Buyer::register(&fleet).await,
            organizer,
            event,
            fleet,
        }
    }

    /// An order that was paid by a method, and the path of its refunds.
    async fn paid(&self, buyer: &Buyer, quantity: i64, method: &str) -> (String, String) {
        let order = buyer.order_to_pay(self.ticket, quantity).await;
        self.fleet.midtrans().attempt(&order, method, "settlement").await;
        self.until_order_is(&order, "paid").await;
        let refunds = self.refunds_of(&order).await;
        (order, refunds)
    }

    async fn refunds_of(&self, order: &str) -> String {
        let sql = "select p.id from payments p join orders o on o.id = p.order_id where o.code = $1";
        format!("/payments/{}/refunds", self.db.number(sql, &[&order]).await)
    }

    async fn until_order_is(&self, order: &str, status: &str) {
        eventually(&format!("order {order} is {status}"), PATIENCE, async || {
            (self.db.order(order).await == status).then_some(())
        })
        .await;
    }

    async fn until_payment_is(&self, order: &str, status: &str) {
        eventually(&format!("payment of {order} is {status}"), PATIENCE, async || {
            (self.db.payment(order).await.as_deref() == Some(status)).then_some(())
        })
        .await;
    }

    /// What the gateway gave back of an order, in rupiah, and by how many refunds.
    async fn given(&self, order: &str) -> (i64, usize) {
        let known = self.fleet.midtrans().order(order).await;
        let transactions = known["transactions"].as_array().cloned().unwrap_or_default();
        let refunds: Vec<Value> = transactions
            .iter()
            .flat_map(|transaction| transaction["refunds"].as_array().cloned().unwrap_or_default())
            .collect();
        let amounts = refunds.iter().map(|refund| {
            let amount = refund["refund_amount"].as_str().unwrap();
            amount.strip_suffix(".00").unwrap().parse::<i64>().unwrap()
        });
        let sum = amounts.sum();
        (sum, refunds.len())
    }

    /// A mail to a buyer with these words in it.
    async fn told(&self, buyer: &Buyer, words: &str) {
        eventually(&format!("a mail says {words:?}"), PATIENCE, async || {
            let mails = self.fleet.mails(&buyer.email).await;
            mails.iter().any(|mail| mail.text.contains(words)).then_some(())
        })
        .await;
    }

    /// Tickets of an order that still let somebody in.
    async fn good(&self, buyer: &Buyer) -> Vec<Value> {
        let tickets = buyer.tickets().await;
        tickets
            .into_iter()
            .filter(|ticket| ticket["status"] == "valid")
            .collect()
    }
}

#[tokio::test]
async fn a_card_payment_goes_back_as_a_whole() {
    let sale = Sale::new().await;
    let (order, refunds) = sale.paid(&sale.buyer, 2, "credit_card").await;
    let admin = Organizer::with_role(&sale.fleet, "admin").await;
    let asked = admin.api.post(&refunds, &json!({"reason": "Complaint 17"})).await;
    let refund = asked.data(201);
    assert_eq!(
        (&refund["amount"], &refund["status"]),
        (&json!(250_000), &json!("requested"))
    );
    assert_eq!(
        sale.good(&sale.buyer).await.len(),
        0,
        "the tickets are void at once"
    );
    sale.until_order_is(&order, "refunded").await;
    assert_eq!(sale.given(&order).await, (250_000, 1));
    let stock = sale.db.stock(sale.ticket).await;
    assert_eq!((stock.held, stock.sold), (0, 0));
    sale.told(&sale.buyer, "Complaint 17").await;
    let listed = sale.buyer.api.get(&refunds).await.data(200);
    assert_eq!(listed["refunds"][0]["status"], "succeeded", "{listed}");
    let history = sale.buyer.api.get("/payments/history").await.data(200);
    assert_eq!(history["payments"][0]["status"], "refunded");
}

#[tokio::test]
async fn one_ticket_goes_back_and_the_other_opens_the_gate() {
    let sale = Sale::new().await;
    let (order, refunds) = sale.paid(&sale.buyer, 2, "gopay").await;
    let good = sale.good(&sale.buyer).await;
    let left = sale.organizer.api.get(&refunds).await.data(200);
    let ticket = &left["tickets"][0]["ticketId"];
    let wish = json!({"ticketIds": [ticket], "reason": "A friend fell ill"});
    assert_eq!(
        sale.buyer.api.post(&refunds, &wish).await.error(409),
        "refund_not_allowed"
    );
    let key = unique();
    let asked = sale
        .organizer
        .api
        .post_once(&refunds, &key, &wish)
        .await
        .data(201);
    let again = sale
        .organizer
        .api
        .post_once(&refunds, &key, &wish)
        .await
        .data(201);
    assert_eq!(asked, again);
    sale.until_payment_is(&order, "partially_refunded").await;
    assert_eq!(sale.given(&order).await, (125_000, 1));
    assert_eq!(
        (
            sale.db.order(&order).await.as_str(),
            sale.good(&sale.buyer).await.len()
        ),
        ("paid", 1)
    );
    sale.organizer.send_staff(&sale.fleet, sale.event.id).await;
    let staff = Organizer::with_role(&sale.fleet, "staff").await;
    let mut verdicts = Vec::new();
    for ticket in &good {
        let scan = json!({"token": ticket["token"]});
        verdicts.push(staff.api.post("/tickets/verify", &scan).await.data(200)["valid"].clone());
    }
    verdicts.sort_by_key(|valid| valid == true);
    assert_eq!(verdicts, [false, true]);
}

#[tokio::test]
async fn buyers_give_back_by_themselves_while_the_policy_of_the_event_lets_them() {
    let sale = Sale::new().await;
    let (order, refunds) = sale.paid(&sale.buyer, 2, "gopay").await;
    let policy = format!("/events/{}/refund-policy", sale.event.id);
    let ticket = sale.buyer.api.get(&refunds).await.data(200)["tickets"][0]["ticketId"].clone();
    let wish = json!({"ticketIds": [ticket], "reason": "I cannot come"});
    let set = async |api: &Api, hours: Value| api.put(&policy, &json!({"refundHours": hours})).await;
    // Nothing is allowed until somebody allows it, and nobody but the organizer does.
    assert_eq!(
        sale.fleet.stranger().get(&policy).await.data(200)["refundHours"],
        Value::Null
    );
    let refused = sale.buyer.api.post(&refunds, &wish).await;
    assert_eq!(refused.error(409), "refund_not_allowed");
    assert_eq!(set(&sale.buyer.api, json!(24)).await.error(403), "forbidden");
    // Longer before the event than it is away: the time for it is over.
    let move_event = "update events set date = now() + interval '48 hours' where id = $1";
    sale.db.run(move_event, &[&sale.event.id]).await;
    set(&sale.organizer.api, json!(49)).await.data(200);
    let refused = sale.buyer.api.post(&refunds, &wish).await;
    assert_eq!(refused.error(409), "refund_not_allowed");

    set(&sale.organizer.api, json!(47)).await.data(200);
    assert_eq!(
        sale.fleet.stranger().get(&policy).await.data(200)["refundHours"],
        47
    );
    let stranger = Buyer::register(&sale.fleet).await;
    assert_eq!(stranger.api.post(&refunds, &wish).await.error(404), "not_found");
    let part = json!({"amount": 1_000, "reason": "A little"});
    assert_eq!(
        sale.buyer.api.post(&refunds, &part).await.error(400),
        "invalid_input",
        "buyers give back whole tickets"
    );
    let asked = sale.buyer.api.post(&refunds, &wish).await.data(201);
    assert_eq!(asked["amount"], 125_000);
    let again = sale.buyer.api.post(&refunds, &wish).await;
    assert_eq!(again.error(409), "ticket_void");
    sale.until_payment_is(&order, "partially_refunded").await;
    assert_eq!(sale.given(&order).await, (125_000, 1));
    assert_eq!(sale.good(&sale.buyer).await.len(), 1);
    // What is taken back holds at once.
    set(&sale.organizer.api, Value::Null).await.data(200);
    let rest = json!({"reason": "Neither can my friend"});
    let refused = sale.buyer.api.post(&refunds, &rest).await;
    assert_eq!(refused.error(409), "refund_not_allowed");
}

#[tokio::test]
async fn two_refunds_at_once_give_back_what_was_paid() {
    let sale = Sale::new().await;
    let (order, refunds) = sale.paid(&sale.buyer, 2, "gopay").await;
    let wish = json!({"reason": "Twice"});
    let asking = (0..6).map(|_| sale.organizer.api.post(&refunds, &wish));
    let replies = futures_util::future::join_all(asking).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        assert_eq!(reply.error(409), "nothing_to_refund");
    }
    sale.until_order_is(&order, "refunded").await;
    assert_eq!(sale.given(&order).await, (250_000, 1));
}

#[tokio::test]
async fn what_the_gateway_cannot_give_back_people_transfer() {
    let sale = Sale::new().await;
    let (order, refunds) = sale.paid(&sale.buyer, 1, "bca_va").await;
    let asked = sale
        .organizer
        .api
        .post(&refunds, &json!({"reason": "Ill"}))
        .await
        .data(201);
    assert_eq!(asked["status"], "manual");
    sale.told(&sale.buyer, "125.000").await;
    let path = format!("/payments/refunds?status=manual&eventId={}", sale.event.id);
    let tasks = sale.organizer.api.get(&path).await.data(200);
    assert_eq!(tasks["refunds"][0]["id"], asked["id"], "{tasks}");
    let done = format!("/payments/refunds/{}/done", asked["id"]);
    let reference = json!({"reference": "BCA 4711"});
    assert_eq!(
        sale.buyer.api.post(&done, &reference).await.error(403),
        "forbidden"
    );
    sale.organizer.api.post(&done, &reference).await.data(200);
    assert_eq!(sale.db.order(&order).await, "refunded");
    sale.told(&sale.buyer, "BCA 4711").await;
    assert_eq!(sale.given(&order).await, (0, 0));
}

#[tokio::test]
async fn an_answer_that_got_lost_gives_nothing_twice() {
    let sale = Sale::new().await;
    let (order, refunds) = sale.paid(&sale.buyer, 1, "gopay").await;
    let rules = json!({"order_id": order, "core": {"operation": "refund", "lose_reply": true, "times": 1}});
    let faults = sale.fleet.midtrans().faults(rules).await;
    sale.organizer
        .api
        .post(&refunds, &json!({"reason": "Lost"}))
        .await
        .data(201);
    // The gateway's own notification may tell before the next attempt does.
    sale.until_order_is(&order, "refunded").await;
    faults.end().await;
    assert_eq!(sale.given(&order).await, (125_000, 1));
}

#[tokio::test]
async fn money_that_came_too_late_goes_back_by_itself() {
    let sale = Sale::new().await;
    let event = sale.organizer.event("Too late").await;
    let terms = TicketTerms {
        price: 50_000,
        quantity: 1,
    };
    let ticket = event.sell(terms).await;
    let order = sale.buyer.order_to_pay(ticket, 1).await;
    sale.fleet.midtrans().attempt(&order, "gopay", "pending").await;
    sale.db.let_expire(&order).await;
    sale.fleet.invoke("janitor", &json!({})).await;
    let faster = Buyer::register(&sale.fleet).await;
    faster.order(ticket, 1).await;
    sale.fleet.midtrans().pay_late(&order).await;
    sale.until_order_is(&order, "refunded").await;
    assert_eq!(sale.given(&order).await, (50_000, 1));
    assert_eq!(sale.db.tickets(&order).await, 0);
}

#[tokio::test]
async fn a_cancelled_event_gives_everybody_their_money_back() {
    let sale = Sale::new().await;
    let mut orders = Vec::new();
    for (number, method) in ["gopay", "credit_card", "bca_va", "gopay"]
        .into_iter()
        .enumerate()
    {
        let buyer = Buyer::register(&sale.fleet).await;
        let (order, _) = sale
            .paid(&buyer, 1 + i64::try_from(number).unwrap() % 2, method)
            .await;
        orders.push((buyer, order));
    }
    let path = format!("/events/{}", sale.event.id);
    let cancelled = sale
        .organizer
        .api
        .post(&format!("{path}/cancel"), &json!({}))
        .await;
    assert_eq!(cancelled.data(200)["status"], "cancelled");
    // Two at once, while the one of the schedule may be at it, too.
    let (nothing, fleet) = (json!({}), &sale.fleet);
    tokio::join!(
        fleet.invoke("janitor", &nothing),
        fleet.invoke("janitor", &nothing)
    );
    let progress = async || {
        let reply = sale.organizer.api.get(&format!("{path}/cancellation")).await;
        reply.data(200)
    };
    let settled = eventually("all that can go back went back", PATIENCE, async || {
        let progress = progress().await;
        (progress["refunded"]["orders"] == 3).then_some(progress)
    })
    .await;
    assert_eq!(
        (
            &settled["orders"],
            &settled["waiting"],
            &settled["pending"]["orders"]
        ),
        (&json!(4), &json!(0), &json!(0)),
        "{settled}"
    );
    assert_eq!(
        settled["manual"],
        json!({"orders": 1, "amount": 125_000}),
        "{settled}"
    );
    assert_eq!(settled["refunded"]["amount"], 5 * 125_000);
    assert!(settled["finishedAt"].is_string());
    for (number, (buyer, order)) in orders.iter().enumerate() {
        assert_eq!(sale.db.tickets(order).await, 0);
        let status = if number == 2 { "paid" } else { "refunded" };
        assert_eq!(sale.db.order(order).await, status);
        sale.told(buyer, &sale.event.name).await;
    }
}

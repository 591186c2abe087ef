//! What the fleet stands on fails: the gateway does not tell, and poison lies in a queue.

use acceptance::{Buyer, Fleet, Message, Organizer, Queue, TicketTerms, eventually, unique};
use serde_json::json;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// A message is tried five times, six seconds apart, before it is put aside.
const PUT_ASIDE: Duration = Duration::from_secs(120);

/// A buyer with an order of two tickets.
async fn order(fleet: &Fleet) -> (Buyer, i64, String) {
    let event = Organizer::demo(fleet).await.event("Failures").await;
    let terms = TicketTerms {
        price: 60_000,
        quantity: 4,
    };
    let ticket = event.sell(terms).await;
    let buyer = Buyer::register(fleet).await;
    let order = buyer.order(ticket, 2).await;
    (buyer, ticket, order)
}

/// 32 hexadecimal digits, as ids of messages are.
fn message_id() -> String {
    let mark: String = unique().bytes().map(|byte| format!("{byte:02x}")).collect();
    mark[mark.len() - 32..].to_owned()
}

#[tokio::test]
async fn while_the_gateway_does_not_tell_the_state_notifications_wait() {
    let fleet = Fleet::running();
    let (buyer, ticket, order) = order(&fleet).await;
    buyer.open_payment(&order).await;
    let midtrans = fleet.midtrans();
    let rule = json!({"core": {"operation": "status", "respond": 503, "order_id": order, "times": 2}});
    let faults = midtrans.faults(rule).await;
    midtrans.pay(&order, "bca_va").await;
    let db = fleet.database().await;
    eventually("the payment is a success after all", PATIENCE, async || {
        (db.payment(&order).await.as_deref() == Some("success")).then_some(())
    })
    .await;
    faults.end().await;
    assert_eq!((db.tickets(&order).await, db.stock(ticket).await.sold), (2, 2));
}

/// Waits until messages of ours were put aside, and takes them out.
async fn put_aside(dead: &Queue, ours: &[String]) {
    let mut missing: Vec<&String> = ours.iter().collect();
    eventually("poison is put aside", PUT_ASIDE, async || {
        for message in dead.receive().await {
            let is_ours = |message: &Message, body: &&String| message.body == **body;
            if let Some(place) = missing.iter().position(|body| is_ours(&message, body)) {
                missing.remove(place);
                dead.delete(&message).await;
            }
        }
        missing.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn poison_in_the_mail_queue_is_put_aside_and_its_neighbours_are_sent() {
    let fleet = Fleet::running();
    let mark = unique();
    let to = format!("neighbour-{mark}@acceptance.example");
    let link = format!("{}/auth/verify/{}", fleet.api_url, "0".repeat(64));
    let good = json!({"id": message_id(), "body": {"kind": "verification", "to": to, "name": "Neighbour", "link": link}});
    let poison = [
        format!("not JSON {mark}"),
        json!({"id": mark, "body": {"kind": "a kind that nobody knows"}}).to_string(),
        json!({"id": message_id(), "body": {"kind": "tickets", "order": 9_000_000_000_000_000_i64}})
            .to_string(),
    ];
    let queue = fleet.queue("MailUrl").await;
    let good = good.to_string();
    queue.send(&[&poison[0], &poison[1], &good, &poison[2]]).await;
    let mail = fleet.mail(&to, "").await;
    assert_eq!(mail.link(&link), link);
    put_aside(&fleet.queue("MailDeadUrl").await, &poison).await;
    assert_eq!(fleet.mails(&to).await.len(), 1, "the neighbour was sent once");
}

#[tokio::test]
async fn poison_among_payment_notifications_is_put_aside_and_its_neighbours_are_applied() {
    let fleet = Fleet::running();
    let (buyer, _, order) = order(&fleet).await;
    buyer.open_payment(&order).await;
    let midtrans = fleet.midtrans();
    let faults = midtrans
        .faults(json!({"order_id": order, "notifications": {"drop": true}}))
        .await;
    midtrans.pay(&order, "bca_va").await;
    faults.end().await;

    let mark = unique();
    let good = json!({"id": message_id(), "body": {
        "order_code": order, "transaction_id": null, "transaction_status": "settlement", "status_code": "200",
        "received_at": "2026-01-01T00:00:00.000Z", "raw": format!("written by a test {mark}"),
    }});
    let poison = [
        format!("{{\"half\": \"{mark}\""),
        json!({"id": mark, "body": {"order_code": 7}}).to_string(),
    ];
    let queue = fleet.queue("PaymentNotificationsUrl").await;
    queue.send(&[&poison[0], &good.to_string(), &poison[1]]).await;
    eventually("the neighbour is applied", PATIENCE, async || {
        (buyer.tickets().await.len() == 2).then_some(())
    })
    .await;
    put_aside(&fleet.queue("PaymentNotificationsDeadUrl").await, &poison).await;
}

//! What organizers' own systems are told: each about their own events, once, and with what it tells of.

use crate::payments::{apply, placed, report};
use crate::refunds::{ask, gave_back, these, tickets};
use crate::support::{at, connections, on_sale, race};
use db::webhook_deliveries;
use domain::user::Role;
use domain::webhook::EventType;
use domain::{OrderId, TicketTypeId, UserId};
use serde_json::{Value, json};
use testkit::{Rows, TestDb};
use tokio_postgres::Client;

/// Subscribes an account to these.
async fn subscribe(db: &TestDb, owner: UserId, url: &str, events: &str) {
    db.run(&format!(
        "insert into webhook_endpoints (owner_id, url, description, events, secret, created_at, updated_at)
         values ({owner}, 'https://{url}.example.com', '', '{{{events}}}', sha256(''), now(), now())"
    ))
    .await;
}

/// An order of two events of two organizers: two of the first one's tickets and one of the other's.
struct Spanning {
    db: TestDb,
    client: Client,
    first: (UserId, TicketTypeId),
    second: (UserId, TicketTypeId),
    order: OrderId,
}

async fn spanning() -> Spanning {
    let (db, theirs) = on_sale(100).await;
    let mut client = db.client().await;
    let first = UserId::new(db.count("select organizer_id from events").await);
    let second = Rows(&db).user("second@example.test", Role::Organizer).await;
    let category = domain::CategoryId::new(db.count("select min(id) from categories").await);
    let event = Rows(&db).event(second, "Another").await;
    let others = Rows(&db).ticket_type(second, event, category, 1_000, 100).await;
    let order = placed(&mut client, &[(theirs, 2), (others, 1)]).await;
    Spanning {
        first: (first, theirs),
        second: (second, others),
        order,
        client,
        db,
    }
}

/// The messages to the endpoints of an account: type and data, in the order in which they were made.
async fn told(db: &TestDb, owner: UserId) -> Vec<(String, Value)> {
    let sql = format!(
        "select coalesce(jsonb_agg(d.payload::jsonb order by d.id), '[]')::text
         from webhook_deliveries d join webhook_endpoints w on w.id = d.endpoint_id where w.owner_id = {owner}"
    );
    let messages: Vec<Value> = serde_json::from_str(&db.text(&sql).await).unwrap();
    messages
        .into_iter()
        .map(|message| {
            assert_eq!(message["version"], 1);
            (
                message["type"].as_str().unwrap().to_owned(),
                message["data"].clone(),
            )
        })
        .collect()
}

async fn announced(db: &TestDb) -> i64 {
    db.count("select count(*) from outbox where queue = 'webhooks'")
        .await
}

#[tokio::test]
async fn of_an_order_of_two_organizers_each_hears_their_own_lines() {
    let mut t = spanning().await;
    subscribe(&t.db, t.first.0, "a", "order.paid").await;
    subscribe(&t.db, t.second.0, "b", "order.paid,order.refunded").await;
    subscribe(&t.db, t.second.0, "c", "order.expired,event.updated").await;
    let paid = report("t1", "settlement", "3000.00");
    let applied = apply(&mut t.client, t.order, &paid, 1).await;
    let due = applied
        .messages
        .iter()
        .filter(|message| message.queue == domain::message::Queue::Webhooks);
    assert_eq!(due.count(), 2, "they are published after the commit");
    // A repetition says nothing new.
    apply(&mut t.client, t.order, &paid, 2).await;
    let code = t.db.text("select code from orders").await;
    for ((owner, ticket), quantity) in [(t.first, 2), (t.second, 1)] {
        let event =
            t.db.count(&format!("select event_id from ticket_types where id = {ticket}"))
                .await;
        let charged = quantity * 1_000;
        let data = json!({
            "orderId": code, "total": charged,
            "items": [{"eventId": event, "ticketId": ticket, "quantity": quantity, "charged": charged}],
        });
        assert_eq!(told(&t.db, owner).await, [("order.paid".to_owned(), data)]);
    }
    assert_eq!(announced(&t.db).await, 2);
}

#[tokio::test]
async fn of_a_refund_each_hears_what_their_own_events_give_back_when_it_went() {
    let mut t = spanning().await;
    for (owner, name) in [(t.first.0, "a"), (t.second.0, "b")] {
        subscribe(&t.db, owner, name, "order.refunded,order.disputed").await;
    }
    apply(&mut t.client, t.order, &report("t1", "settlement", "3000.00"), 1).await;
    let all = tickets(&mut t.client, t.order).await;
    let refund = ask(&mut t.client, t.order, &these(&all[1..])).await.unwrap();
    assert_eq!(announced(&t.db).await, 0, "the money has not gone yet");
    let said = gave_back("partial_refund", 3_000, &[(&refund.key, 2_000)]);
    apply(&mut t.client, t.order, &said, 3).await;
    apply(&mut t.client, t.order, &said, 4).await;
    for (owner, ticket) in [t.first, t.second] {
        let event =
            t.db.count(&format!("select event_id from ticket_types where id = {ticket}"))
                .await;
        let messages = told(&t.db, owner).await;
        let [(kind, data)] = messages.as_slice() else {
            panic!("{messages:?}");
        };
        assert_eq!(kind, "order.refunded");
        assert_eq!(data["refundId"], refund.id.get());
        assert_eq!(data["amount"], 1_000);
        assert_eq!(
            data["parts"],
            json!([{"eventId": event, "amount": 1_000, "tickets": 1}])
        );
    }
    let mut reversed = report("t1", "chargeback", "3000.00");
    reversed.refunds = said.refunds;
    apply(&mut t.client, t.order, &reversed, 5).await;
    for (owner, _) in [t.first, t.second] {
        let kinds: Vec<_> = told(&t.db, owner)
            .await
            .into_iter()
            .map(|(kind, _)| kind)
            .collect();
        assert_eq!(kinds, ["order.refunded", "order.disputed"]);
    }
}

#[tokio::test]
async fn who_is_disabled_gone_or_publishes_no_more_is_told_nothing() {
    for change in [
        "update webhook_endpoints set disabled_at = now(), disabled_reason = 'owner'",
        "delete from webhook_endpoints",
        "update users set role = 'user' where id in (select owner_id from webhook_endpoints)",
        "update webhook_endpoints set events = array['event.updated']",
    ] {
        let mut t = spanning().await;
        subscribe(&t.db, t.first.0, "a", "order.paid").await;
        t.db.run(change).await;
        apply(&mut t.client, t.order, &report("t1", "settlement", "3000.00"), 1).await;
        assert_eq!(
            t.db.count("select count(*) from webhook_deliveries").await,
            0,
            "{change}"
        );
        assert_eq!(announced(&t.db).await, 0, "{change}");
    }
}

#[tokio::test]
async fn what_is_rolled_back_is_told_to_nobody() {
    let mut t = spanning().await;
    subscribe(&t.db, t.first.0, "a", "order.paid").await;
    let tx = t.client.transaction().await.unwrap();
    let order = db::orders::lock(&tx, t.order).await.unwrap().unwrap();
    let random = runtime::random::hex::<16>;
    let told = webhook_deliveries::tell_of_order(&tx, &order, EventType::OrderPaid, &random, at(1)).await;
    assert_eq!(told.unwrap().len(), 1);
    tx.rollback().await.unwrap();
    assert_eq!(t.db.count("select count(*) from webhook_deliveries").await, 0);
    assert_eq!(announced(&t.db).await, 0);
}

#[tokio::test]
async fn an_endpoint_that_is_deleted_meanwhile_does_not_hurt_a_payment() {
    let mut t = spanning().await;
    subscribe(&t.db, t.first.0, "a", "order.paid").await;
    let mut other = t.db.client().await;
    let tx = other.transaction().await.unwrap();
    tx.batch_execute("delete from webhook_endpoints").await.unwrap();
    let deleting = async {
        // The payment has found the endpoint by now and waits for what becomes of it.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        tx.commit().await.unwrap();
    };
    let paid = report("t1", "settlement", "3000.00");
    let (applied, ()) = tokio::join!(apply(&mut t.client, t.order, &paid, 1), deleting);
    assert_eq!(applied.order, domain::order::OrderStatus::Paid);
    assert_eq!(t.db.count("select count(*) from webhook_deliveries").await, 0);
}

#[tokio::test]
async fn of_many_who_claim_a_delivery_one_gets_it() {
    let t = spanning().await;
    subscribe(&t.db, t.first.0, "a", "order.paid").await;
    t.db.run(
        "insert into webhook_deliveries (endpoint_id, message_id, event, payload, state, due_at, created_at)
         select id, 'msg', 'order.paid', '{}', 'pending', '2030-01-01 12:00:00Z', now() from webhook_endpoints",
    )
    .await;
    let id = domain::DeliveryId::new(t.db.count("select id from webhook_deliveries").await);
    let mut clients = connections(&t.db, 8).await;
    let claimed = race(&mut clients, async |_, client| claims(client, id, 0).await).await;
    assert_eq!(claimed.into_iter().filter(|claimed| *claimed).count(), 1);
}

async fn claims(client: &mut Client, id: domain::DeliveryId, seconds: i64) -> bool {
    let tx = client.transaction().await.unwrap();
    let claimed = webhook_deliveries::claim(&tx, id, at(seconds)).await.unwrap();
    tx.commit().await.unwrap();
    claimed.is_some()
}

#[tokio::test]
async fn of_one_endpoint_two_deliveries_are_under_way_however_many_ask_at_once() {
    let t = spanning().await;
    subscribe(&t.db, t.first.0, "a", "order.paid").await;
    t.db.run(
        "insert into webhook_deliveries (id, endpoint_id, message_id, event, payload, state, due_at, created_at)
         overriding system value
         select n, w.id, 'msg ' || n, 'order.paid', '{}', 'pending', '2030-01-01 12:00:00Z', now()
         from webhook_endpoints w, generate_series(1, 40) n",
    )
    .await;
    let mut clients = connections(&t.db, 8).await;
    for round in 0..5 {
        let claimed = race(&mut clients, async |number, client| {
            let id = domain::DeliveryId::new(round * 8 + i64::try_from(number).unwrap() + 1);
            claims(client, id, round * domain::webhook::LEASE_SECONDS).await
        })
        .await;
        let under_way = claimed.into_iter().filter(|claimed| *claimed).count();
        assert_eq!(under_way, 2, "round {round}; a lease that is over counts no more");
    }
}

#[tokio::test]
async fn an_account_has_no_more_endpoints_than_it_may_however_fast_it_asks() {
    let db = TestDb::new().await;
    let owner = Rows(&db).user("owner@example.test", Role::Organizer).await;
    let mut clients = connections(&db, 16).await;
    let made = race(&mut clients, async |number, client| {
        let tx = client.transaction().await.unwrap();
        let url = domain::destination::WebAddress::parse(&format!("https://h{number}.example.com")).unwrap();
        let new = db::webhooks::NewEndpoint {
            url: &url,
            description: &domain::webhook::WebhookDescription::default(),
            events: &domain::webhook::Subscription::new(vec![EventType::OrderPaid]).unwrap(),
            secret: &[1; 32],
        };
        let made = db::webhooks::insert(&tx, owner, &new, at(0)).await.unwrap();
        tx.commit().await.unwrap();
        matches!(made, db::webhooks::Written::Endpoint(_))
    })
    .await;
    assert_eq!(made.into_iter().filter(|made| *made).count(), 10);
}

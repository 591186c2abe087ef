//! Hints that something happened to a payment.

use super::*;

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
    let letters = sent.iter().filter(|message| message.body.contains("\"tickets\""));
    assert_eq!(letters.count(), 1, "one letter with tickets");
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
async fn the_gateway_is_not_asked_about_an_order_that_is_paid_by_transfer() {
    let t = Setup::new(10).await;
    let until = t.clock.now().plus_seconds(86_400);
    let order = Rows(&t.db).order_to_transfer(t.user, t.ticket, 2, until).await;
    t.gateway.faults(json!({"core": {"respond": 503}})).await;
    t.worker().consume(&hint(&order, "settlement")).await.unwrap();
    assert_eq!(t.status().await, ("pending".to_owned(), "pending".to_owned()));
    let stored = "select count(*) from payment_notifications";
    assert_eq!(t.db.count(stored).await, 1, "people can read what was told");
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
    let letters = "select count(*) from outbox where body like '%\"tickets\"%'";
    assert_eq!(t.db.count(letters).await, 1);
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

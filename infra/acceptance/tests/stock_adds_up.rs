//! After everything that the other programs did, stock, holds, tickets, orders and money must agree. Whatever is wrong is
//! told with the rows that show it.

use acceptance::{Fleet, eventually};
use std::time::Duration;

/// Messages that wait longer than the relay needs to sweep them.
const LATE_MESSAGES: &str = "select id || ' for ' || queue from outbox where published_at is null and created_at < now() - interval '90 seconds'";

#[tokio::test]
async fn stock_tickets_and_money_agree() {
    let db = Fleet::running().database().await;
    let orders = db
        .number("select count(*) from orders where status = 'paid'", &[])
        .await;
    assert!(
        orders > 0,
        "nothing was sold, so nothing is proved: run the other acceptance tests first"
    );
    let problems = db.broken_rules().await;
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[tokio::test]
async fn every_message_leaves_the_outbox_within_a_minute_and_a_half() {
    let db = Fleet::running().database().await;
    // A fleet that was down has messages from before, which the relay sweeps within its first minute.
    eventually(
        "the outbox has no late messages",
        Duration::from_secs(70),
        async || db.rows(LATE_MESSAGES, &[]).await.is_empty().then_some(()),
    )
    .await;
}

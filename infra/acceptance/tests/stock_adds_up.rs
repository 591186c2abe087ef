//! After everything that the other programs did, stock, holds, tickets, orders and money must agree. Whatever is wrong is
//! told with the rows that show it.

use acceptance::{Database, Fleet, eventually};
use std::path::Path;
use std::time::Duration;

/// The rules: every file of `infra/chaos/invariants` finds what breaks one, in one statement, so it sees one moment.
fn rules() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../chaos/invariants");
    let files = std::fs::read_dir(&folder).unwrap();
    let mut rules: Vec<_> = files
        .map(|file| file.unwrap().path())
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    rules.sort();
    assert!(rules.len() > 20, "only {} rules", rules.len());
    rules
}

/// Messages that wait longer than the relay needs to sweep them.
const LATE_MESSAGES: &str = "select id || ' for ' || queue from outbox where published_at is null and created_at < now() - interval '90 seconds'";

async fn broken(db: &Database, sql: &str) -> Vec<String> {
    let rows = db.rows(sql, &[]).await;
    rows.iter().map(|row| row.try_get(0).unwrap()).collect()
}

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
    let mut problems = Vec::new();
    for (rule, sql) in rules() {
        let rows = broken(&db, &sql).await;
        if !rows.is_empty() {
            problems.push(format!("{rule}: {}", rows.join(", ")));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[tokio::test]
async fn every_message_leaves_the_outbox_within_a_minute_and_a_half() {
    let db = Fleet::running().database().await;
    // A fleet that was down has messages from before, which the relay sweeps within its first minute.
    eventually(
        "the outbox has no late messages",
        Duration::from_secs(70),
        async || broken(&db, LATE_MESSAGES).await.is_empty().then_some(()),
    )
    .await;
}

//! Reports arrive late, twice and in any order. Whatever the order, the rows end the same.

use crate::payments::{apply_in, end_in, placed, report, rows};
use crate::support::{another_type, assert_stock_consistent, connections, on_sale};
use db::settlement::Report;
use domain::OrderId;
use std::collections::BTreeMap;
use std::pin::Pin;
use tokio_postgres::{Client, Transaction};

/// Longest sequence of events that is tried: up to five different ones, each at least once, the rest repetitions.
const LONGEST: usize = 6;

/// Something that happens to a payment.
enum Event {
    /// The gateway reports.
    Report(Report),
    /// The janitor ends the order if it is not paid.
    TimeIsOver,
}

/// Events in words: `settlement` is a report of the only transaction, `b:settlement` one of a second transaction,
/// `!settlement` one with a wrong amount, and `end` means that the time to pay is over.
fn event(words: &str) -> Event {
    if words == "end" {
        return Event::TimeIsOver;
    }
    let (transaction, words) = words.split_once(':').unwrap_or(("a", words));
    match words.strip_prefix('!') {
        Some(words) => Event::Report(report(transaction, words, "1.00")),
        None => Event::Report(report(transaction, words, "3000.00")),
    }
}

/// Lives of a payment as the gateway tells them, in their true order. Left out is what contradicts itself: two different
/// failures of one transaction, and a denial before and after the payment, which means a reversal only after it.
const LIVES: [&[&str]; 28] = [
    &["settlement"],
    &["pending", "settlement"],
    &["pending", "expire"],
    &["pending", "cancel"],
    &["pending", "deny"],
    &["pending", "failure"],
    &["capture", "settlement", "refund"],
    &["pending", "capture", "cancel"],
    &["authorize", "capture", "cancel", "end"],
    &["pending", "settlement", "partial_refund"],
    &["pending", "settlement", "partial_refund", "refund"],
    &["pending", "settlement", "chargeback"],
    &["settlement", "refund", "chargeback"],
    &["authorize", "capture", "settlement", "partial_refund", "refund"],
    &["capture/challenge", "capture/accept", "settlement"],
    &["capture/challenge", "deny"],
    &["!pending", "!settlement"],
    &["!settlement", "!refund"],
    &["pending", "!settlement", "refund"],
    &["pending", "deny", "b:pending", "b:settlement"],
    &["pending", "expire", "b:capture", "b:settlement", "b:refund"],
    &["deny", "b:deny", "c:pending", "c:settlement"],
    &["expire", "b:!settlement"],
    &["pending", "end"],
    &["pending", "expire", "end"],
    &["pending", "settlement", "end"],
    &["settlement", "refund", "end"],
    &["pending", "deny", "b:settlement", "b:chargeback", "end"],
];

/// The ends found, each with how many sequences led to it and the first of them.
type Ends = BTreeMap<String, (usize, Vec<usize>)>;

/// Tries every continuation of a sequence, each in a savepoint of its own.
fn explore<'a>(
    tx: &'a mut Transaction<'_>,
    order: OrderId,
    events: &'a [Event],
    sequence: &'a mut Vec<usize>,
    ends: &'a mut Ends,
) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(async move {
        let missing = (0..events.len())
            .filter(|event| !sequence.contains(event))
            .count();
        if missing == 0 {
            let entry = ends
                .entry(rows(tx, order).await)
                .or_insert_with(|| (0, sequence.clone()));
            entry.0 += 1;
        }
        for next in 0..events.len() {
            let still_missing = missing - usize::from(!sequence.contains(&next));
            if sequence.len() + 1 + still_missing > LONGEST {
                continue;
            }
            let mut tried = tx.transaction().await.unwrap();
            match &events[next] {
                Event::Report(report) => {
                    apply_in(&tried, order, report, 1).await;
                }
                Event::TimeIsOver => {
                    end_in(&tried, order, 1).await;
                }
            }
            sequence.push(next);
            explore(&mut tried, order, events, sequence, ends).await;
            sequence.pop();
            tried.rollback().await.unwrap();
        }
    })
}

/// All sequences of one life. Returns how many there were.
async fn explore_life(client: &mut Client, order: OrderId, life: &[&str]) -> Result<usize, String> {
    let events: Vec<Event> = life.iter().map(|words| event(words)).collect();
    let (mut sequence, mut ends) = (Vec::new(), Ends::new());
    let mut tx = client.transaction().await.unwrap();
    explore(&mut tx, order, &events, &mut sequence, &mut ends).await;
    tx.rollback().await.unwrap();
    let told = |sequence: &[usize]| {
        sequence
            .iter()
            .map(|event| life[*event])
            .collect::<Vec<_>>()
            .join(", ")
    };
    match ends.len() {
        1 => Ok(ends.values().map(|(count, _)| count).sum()),
        _ => Err(ends
            .iter()
            .map(|(rows, (count, first))| format!("{count} × like {}:\n  {rows}\n", told(first)))
            .collect()),
    }
}

#[tokio::test]
async fn every_order_of_reports_with_repetitions_ends_in_the_same_rows() {
    let (db, _) = on_sale(100).await;
    let mut clients = connections(&db, LIVES.len()).await;
    // Every life has a ticket type of its own, so that none waits for the stock of another.
    let mut orders = Vec::new();
    for client in &mut clients {
        let own = another_type(&db, 60).await;
        orders.push(placed(client, &[(own, 3)]).await);
    }
    let lives = clients.iter_mut().zip(&orders).zip(LIVES);
    let exploring =
        lives.map(async |((client, order), life)| (life, explore_life(client, *order, life).await));
    let (mut sequences, mut differing) = (0, String::new());
    for (life, found) in futures_util::future::join_all(exploring).await {
        match found {
            Ok(count) => sequences += count,
            Err(ends) => differing.push_str(&format!("{life:?} ends in different ways:\n{ends}\n")),
        }
    }
    println!("{sequences} sequences of {} lives", LIVES.len());
    assert!(differing.is_empty(), "{differing}");
    assert!(sequences > 5_000, "only {sequences} sequences");
    let client = db.client().await;
    assert_stock_consistent(&client).await;
}

//! Reports arrive late, twice and in any order. Whatever the order, the rows end the same.
//!
//! Short sequences are tried without exception, long ones at random. `PERMUTATIONS_SEED` repeats a run, or the sequence that
//! went wrong in it; `PERMUTATIONS` says how many sequences to try.

use crate::payments::{apply_in, end_in, placed, report, rows};
use crate::support::{Dice, another_type, assert_stock_consistent, at, connections, on_sale, race};
use db::reconciliation::{self, Due};
use db::settlement::Report;
use domain::reconciliation::next_question;
use domain::{OrderId, PaymentId};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::pin::Pin;
use tokio_postgres::{Client, Transaction};

/// Longest sequence of events of which all are tried: up to five different ones, each at least once, the rest repetitions.
const LONGEST: usize = 5;

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
const LIVES: [&[&str]; 31] = [
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
    &["!settlement", "b:!settlement"],
    &["!settlement", "!chargeback", "b:!settlement"],
    &["!settlement", "b:!settlement", "b:!refund"],
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
    assert!(sequences > 2_000, "only {sequences} sequences");
    let client = db.client().await;
    assert_stock_consistent(&client).await;
}

/// Sequences that are tried at random, unless `PERMUTATIONS` says otherwise. With those that are tried without exception they are
/// more than 5,000.
const RANDOM_SEQUENCES: u64 = 3_000;

/// Most steps of a random sequence beside those that bring its events for the first time.
const MOST_REPETITIONS: u32 = 8;

/// By which way an event of a life is heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// A notification made the worker ask.
    Notified,
    /// The reconciler asked. It hears of nothing once the payment is not to be asked about any more.
    Reconciled,
    /// The buyer looked at the payment. Nor do they then.
    Polled,
}

/// A step of a random sequence: the event by its place in the life, and the way. The answer of the gateway may be as old as any.
type Heard = (usize, Way);

/// A life, and a sequence in which it is heard of: every event at least once by a notification, in any order, with repetitions by
/// all ways anywhere between.
fn sequence(dice: &mut Dice) -> (&'static [&'static str], Vec<Heard>) {
    let life = LIVES[dice.below(LIVES.len().try_into().unwrap()) as usize];
    let events: u32 = life.len().try_into().unwrap();
    let mut steps: Vec<Heard> = (0..life.len()).map(|event| (event, Way::Notified)).collect();
    for _ in 0..dice.below(MOST_REPETITIONS + 1) {
        let way = [Way::Notified, Way::Reconciled, Way::Polled][dice.below(3) as usize];
        steps.push((dice.below(events) as usize, way));
    }
    for last in (1..steps.len()).rev() {
        let other = dice.below(u32::try_from(last).unwrap() + 1) as usize;
        steps.swap(last, other);
    }
    (life, steps)
}

/// What the reconciler and a reader have before they ask: the payment, if it is to be asked about.
async fn claimed(tx: &Transaction<'_>, payment: PaymentId, way: Way, seconds: i64) -> Option<Due> {
    let client = tx.client();
    match way {
        Way::Notified => None,
        Way::Reconciled => {
            // Its time has come.
            reconciliation::schedule(client, payment, Some(at(seconds)))
                .await
                .unwrap();
            let due = reconciliation::claim(client, at(seconds + 60), 10, at(seconds))
                .await
                .unwrap();
            assert!(due.iter().all(|due| due.id == payment), "another payment is due");
            due.into_iter().next()
        }
        Way::Polled => reconciliation::claim_one(client, payment, None, at(seconds - 3), at(seconds))
            .await
            .unwrap(),
    }
}

/// Lives through a sequence. Returns how often the reconciler and readers had something to ask.
async fn live(
    tx: &Transaction<'_>,
    order: OrderId,
    payment: PaymentId,
    life: &[&str],
    steps: &[Heard],
) -> usize {
    let (mut seconds, mut asked) = (1, 0);
    for (place, way) in steps {
        seconds += 5;
        let Event::Report(report) = event(life[*place]) else {
            end_in(tx, order, seconds).await;
            continue;
        };
        if *way == Way::Notified {
            apply_in(tx, order, &report, seconds).await;
            continue;
        }
        let Some(due) = claimed(tx, payment, *way, seconds).await else {
            continue;
        };
        asked += 1;
        let applied = apply_in(tx, order, &report, seconds).await;
        if *way == Way::Reconciled {
            let next = next_question(applied.after, due.order_status, due.begun, at(seconds));
            reconciliation::schedule(tx.client(), payment, next)
                .await
                .unwrap();
        }
    }
    asked
}

/// How a sequence ends; nothing of it stays.
async fn end_of(
    client: &mut Client,
    order: OrderId,
    payment: PaymentId,
    life: &[&str],
    steps: &[Heard],
) -> (String, usize) {
    let tx = client.transaction().await.unwrap();
    let asked = live(&tx, order, payment, life, steps).await;
    let end = rows(&tx, order).await;
    tx.rollback().await.unwrap();
    (end, asked)
}

fn from_environment(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {value}")),
    )
}

#[tokio::test]
async fn random_sequences_by_all_ways_end_in_the_rows_of_the_true_order() {
    const AT_ONCE: usize = 4;
    let seed = from_environment("PERMUTATIONS_SEED")
        .unwrap_or_else(|| u64::from_be_bytes(runtime::random::bytes::<8>()) >> 16);
    let count = from_environment("PERMUTATIONS").unwrap_or(RANDOM_SEQUENCES);
    let (db, _) = on_sale(100).await;
    let mut clients = connections(&db, AT_ONCE).await;
    let mut own = Vec::new();
    for client in &mut clients {
        let ticket_type = another_type(&db, 60).await;
        let order = placed(client, &[(ticket_type, 3)]).await;
        let sql =
            "update payments set transaction_token = 't', redirect_url = 'https://x', next_check_at = null
            where order_id = $1 returning id";
        let payment = client.query_one(sql, &[&order.get()]).await.unwrap();
        own.push((order, PaymentId::new(payment.get(0))));
    }
    let found = race(&mut clients, async |number, client| {
        let (order, payment) = own[number];
        let (mut true_ends, mut wrong, mut asked) = (BTreeMap::new(), String::new(), 0);
        for sequence_number in (number as u64..count).step_by(AT_ONCE) {
            // Each has a seed of its own, which as the seed of a run makes it the first of that run.
            let seed = seed + sequence_number;
            let (life, steps) = sequence(&mut Dice::new(usize::try_from(seed).unwrap()));
            if !true_ends.contains_key(life) {
                let in_order: Vec<Heard> = (0..life.len()).map(|event| (event, Way::Notified)).collect();
                let (end, _) = end_of(client, order, payment, life, &in_order).await;
                true_ends.insert(life, end);
            }
            let (end, questions) = end_of(client, order, payment, life, &steps).await;
            asked += questions;
            if end != true_ends[life] {
                let told: Vec<String> = steps
                    .iter()
                    .map(|(event, way)| format!("{} ({way:?})", life[*event]))
                    .collect();
                let (told, expected) = (told.join(", "), &true_ends[life]);
                wrong.push_str(&format!(
                    "PERMUTATIONS_SEED={seed} PERMUTATIONS=1: {told}\n  {end}\n  not {expected}\n"
                ));
            }
        }
        (wrong, asked)
    })
    .await;
    let asked: usize = found.iter().map(|(_, asked)| asked).sum();
    let mut stderr = std::io::stderr();
    writeln!(
        stderr,
        "PERMUTATIONS_SEED={seed}: {count} random sequences; the reconciler and readers asked {asked} times"
    )
    .unwrap();
    let wrong: String = found.into_iter().map(|(wrong, _)| wrong).collect();
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count < 100 || asked > 0, "nobody but the worker asked");
    assert_stock_consistent(&db.client().await).await;
}

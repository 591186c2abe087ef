//! What is known of a ticket is a set of scans: whoever tells them in whatever order, the rows end the same.

use crate::support::{Dice, at, connections, on_sale, race};
use db::check_ins::{self, Scanner, Told};
use db::invariants::{self, Rule, Slice};
use db::{attendance, issued};
use domain::check_in::{DeviceName, ScanId, TicketState, UndoReason};
use domain::{CheckInId, EventId, IssuedTicketId, OrderId, Timestamp, UserId};
use testkit::{Rows, TestDb};
use tokio_postgres::{Client, Transaction};

const EVENT: EventId = EventId::new(1);
const STAFF: UserId = UserId::new(1);

fn device(name: &str) -> DeviceName {
    DeviceName::parse(name).unwrap()
}

fn scan_id(text: &str) -> ScanId {
    serde_json::from_value(text.into()).unwrap()
}

fn scanner(device: &DeviceName) -> Scanner<'_> {
    Scanner {
        event: EVENT,
        gate: None,
        device,
        by: STAFF,
    }
}

/// An event with so many tickets, of one buyer.
async fn sold(quantity: u32) -> (TestDb, Vec<String>) {
    let (db, kind) = on_sale(100).await;
    let buyer = Rows(&db).buyer("holder@example.test").await;
    let (_, codes) = Rows(&db).bought(buyer, kind, quantity).await;
    db.run(
        "insert into payments (order_id, user_id, amount, original_amount, status, payment_date, created_at, updated_at)
         select id, user_id, total, total, 'success', now(), now(), now() from orders",
    )
    .await;
    (db, codes)
}

/// Scans one ticket with a connection, as a gate does.
async fn scan(client: &mut Client, code: &str, device: &DeviceName, id: &str, now: Timestamp) -> bool {
    let tx = client.transaction().await.unwrap();
    let ticket = check_ins::lock(&tx, &[code.to_owned()])
        .await
        .unwrap()
        .pop()
        .unwrap();
    let decided = match ticket.state {
        TicketState::Valid => Ok(()),
        TicketState::Used => Err(domain::check_in::Refusal::AlreadyUsed),
        _ => Err(domain::check_in::Refusal::Refunded),
    };
    let written = check_ins::insert(&tx, scanner(device), &ticket, &scan_id(id), decided, now).await;
    written.unwrap().unwrap();
    check_ins::settle(&tx, &[ticket.id]).await.unwrap();
    tx.commit().await.unwrap();
    decided.is_ok()
}

/// What a device tells: its name, and for each scan the ticket, and when it was made.
type Batch = (String, Vec<(usize, i64)>);

async fn tell(tx: &Transaction<'_>, codes: &[String], batch: &Batch) {
    let (name, scans) = batch;
    let device = device(name);
    let scanned: Vec<String> = scans.iter().map(|(ticket, _)| codes[*ticket].clone()).collect();
    let tickets = check_ins::lock(tx, &scanned).await.unwrap();
    let ids: Vec<ScanId> = scans
        .iter()
        .map(|(ticket, second)| scan_id(&format!("scan-{name}-{ticket}-{second}")))
        .collect();
    let told: Vec<Told<'_>> = scans
        .iter()
        .zip(&ids)
        .map(|((ticket, second), scan)| Told {
            ticket: tickets
                .iter()
                .find(|locked| locked.code == codes[*ticket])
                .unwrap()
                .id,
            scan,
            at: at(*second),
            fault: None,
        })
        .collect();
    let told: Vec<&Told<'_>> = told.iter().collect();
    check_ins::insert_told(tx, scanner(&device), &told, at(3_600))
        .await
        .unwrap();
    let touched: Vec<IssuedTicketId> = told.iter().map(|told| told.ticket).collect();
    check_ins::settle(tx, &touched).await.unwrap();
    // Everything that was told has an answer.
    let wanted: Vec<&ScanId> = ids.iter().collect();
    let outcomes = check_ins::outcomes(tx, scanner(&device), &wanted).await.unwrap();
    assert!(
        ids.iter()
            .all(|id| outcomes.iter().any(|outcome| outcome.scan == id.as_str()))
    );
    assert!(outcomes.iter().all(|outcome| outcome.first.is_some()));
}

/// Tickets, scans and conflicts, without numbers that say in which order they were written.
async fn rows(tx: &Transaction<'_>) -> String {
    let sql = "
        select (select string_agg(concat_ws(' ', t.code, t.status, t.used_at, c.device, c.scan_id), E'\\n' order by t.code)
                from issued_tickets t left join check_ins c on c.id = t.used_scan)
            || E'\\n' || (select string_agg(concat_ws(' ', device, scan_id, scanned_at, let_in, reason), E'\\n'
                                            order by device, scan_id) from check_ins)";
    let state: String = tx.query_one(sql, &[]).await.unwrap().get(0);
    let conflicts = attendance::conflicts(tx.client(), EVENT, None, 1_000)
        .await
        .unwrap();
    let mut conflicts: Vec<String> = conflicts
        .iter()
        .map(|scan| {
            let first = scan.first.as_ref().unwrap();
            format!(
                "{} {} {} after {} {}",
                scan.device,
                scan.at,
                scan.code.as_ref().unwrap(),
                first.device,
                first.at
            )
        })
        .collect();
    conflicts.sort_unstable();
    format!("{state}\n{}", conflicts.join("\n"))
}

/// Fails unless tickets are used as their scans say.
async fn assert_used_as_scanned(client: &Client) {
    let breach = invariants::breach(client, Rule::UsedTicketsWereLetIn, Slice::ALL).await;
    assert_eq!(breach.unwrap(), None);
}

fn permutations(of: usize) -> Vec<Vec<usize>> {
    if of == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for shorter in permutations(of - 1) {
        for place in 0..of {
            let mut longer = shorter.clone();
            longer.insert(place, of - 1);
            all.push(longer);
        }
    }
    all
}

#[tokio::test]
async fn in_whatever_order_devices_tell_the_rows_end_the_same() {
    let (db, codes) = sold(5).await;
    let mut client = db.client().await;
    // Somebody went in with the first ticket by mistake, and that was undone before the devices tell of a time around it.
    assert!(scan(&mut client, &codes[0], &device("door"), "door-one-1", at(20)).await);
    let tx = client.transaction().await.unwrap();
    let ticket = check_ins::lock(&tx, &codes[..1]).await.unwrap().pop().unwrap();
    let counted = ticket.first.unwrap().id;
    let reason = UndoReason::parse("by mistake").unwrap();
    check_ins::undo(&tx, ticket.id, counted, STAFF, &reason, at(30))
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let mut conflicts_seen = 0;
    for round in 0..25 {
        let mut dice = Dice::new(round);
        // Four batches of three devices; times collide often.
        let batches: Vec<Batch> = (0..4)
            .map(|number| {
                let scans = 1 + dice.below(5);
                let scans = (0..scans).map(|_| (dice.below(5) as usize, i64::from(dice.below(60))));
                (format!("phone-{}", number % 3), scans.collect())
            })
            .collect();
        let mut ends = Vec::new();
        for order in permutations(batches.len()) {
            let tx = client.transaction().await.unwrap();
            for batch in &order {
                tell(&tx, &codes, &batches[*batch]).await;
            }
            let end = rows(&tx).await;
            // Told again, in another order, nothing changes.
            for batch in order.iter().rev() {
                tell(&tx, &codes, &batches[*batch]).await;
            }
            assert_eq!(rows(&tx).await, end, "round {round}, {order:?} again");
            assert_used_as_scanned(tx.client()).await;
            ends.push((order, end));
            tx.rollback().await.unwrap();
        }
        let (_, first) = &ends[0];
        conflicts_seen += usize::from(first.contains(" after "));
        for (order, end) in &ends {
            assert_eq!(end, first, "round {round}, {order:?}");
        }
    }
    assert!(conflicts_seen > 10, "{conflicts_seen} rounds had conflicts");
}

#[tokio::test]
async fn whoever_gives_a_ticket_back_and_whoever_goes_in_with_it_do_not_both_succeed() {
    let (db, codes) = sold(10).await;
    let mut clients = connections(&db, 2).await;
    for (round, code) in codes.iter().enumerate() {
        let done = race(&mut clients, async |number, client| {
            if number == 0 {
                return scan(client, code, &device("door"), &format!("round-{round:03}"), at(0)).await;
            }
            let tx = client.transaction().await.unwrap();
            let tickets = issued::lock_live(&tx, OrderId::new(1)).await.unwrap();
            let row = tx
                .query_one("select id from issued_tickets where code = $1", &[code])
                .await
                .unwrap();
            let id = IssuedTicketId::new(row.get(0));
            let unused = tickets.iter().any(|ticket| ticket.id == id && !ticket.used);
            if unused {
                issued::void(&tx, &[id], at(0)).await.unwrap();
            }
            tx.commit().await.unwrap();
            unused
        })
        .await;
        assert_eq!(
            done.iter().filter(|done| **done).count(),
            1,
            "round {round}: {done:?}"
        );
    }
    let agree = "select count(*) from issued_tickets t
                 where (t.status = 'used') <> exists (select from check_ins c where c.ticket_id = t.id and c.let_in)";
    assert_eq!(db.count(agree).await, 0);
}

#[tokio::test]
async fn devices_that_tell_of_the_same_tickets_at_once_neither_deadlock_nor_disagree() {
    let (db, codes) = sold(10).await;
    let mut clients = connections(&db, 16).await;
    race(&mut clients, async |number, client| {
        let mut dice = Dice::new(number);
        for _ in 0..5 {
            let scans = (0..10).map(|_| (dice.below(10) as usize, i64::from(dice.below(600))));
            let batch = (format!("phone-{number}"), scans.collect());
            let tx = client.transaction().await.unwrap();
            tell(&tx, &codes, &batch).await;
            tx.commit().await.unwrap();
        }
    })
    .await;
    assert_used_as_scanned(&db.client().await).await;
    assert_eq!(
        db.count("select count(*) from issued_tickets where status = 'used'")
            .await,
        10
    );
}

#[tokio::test]
async fn the_log_of_the_gates_is_append_only() {
    let (db, codes) = sold(1).await;
    let mut client = db.client().await;
    assert!(scan(&mut client, &codes[0], &device("door"), "door-one-1", at(0)).await);
    for sql in [
        "update check_ins set let_in = false, reason = 'void'",
        "delete from check_ins",
        "truncate check_ins cascade",
        "delete from check_in_undos",
    ] {
        let refused = client.execute(sql, &[]).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "42501", "{sql}");
    }
    assert!(
        check_ins::undoable(&client, CheckInId::new(1), STAFF, true)
            .await
            .unwrap()
            .is_some()
    );
}

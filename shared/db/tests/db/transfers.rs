//! Bank transfers and money in wrong amounts: once in the books, and on its way back where it came in.

use crate::payments::{apply, end, placed, report};
use crate::support::{assert_consistent, at, connections, counters, on_sale, race};
use db::refunds::{self, Asked};
use db::settlement::{self, Confirmation};
use db::{orders, payments, transfers};
use domain::payment::PaymentStatus;
use domain::refund::{By, Cause, RefundStatus, Wish, plan_of_conflict, promised};
use domain::transfer::BankAccount;
use domain::{Error, OrderId, RefundId, Rupiah, TicketTypeId, UserId};
use testkit::TestDb;
use tokio_postgres::Client;

fn rupiah(amount: i64) -> Rupiah {
    Rupiah::new(amount).unwrap()
}

async fn organizer(db: &TestDb) -> UserId {
    UserId::new(db.count("select organizer_id from events limit 1").await)
}

/// An order of so many tickets at 1,000 rupiah that waits for a transfer.
async fn waiting(db: &TestDb, client: &mut Client, festival: TicketTypeId, quantity: u32) -> OrderId {
    let order = placed(client, &[(festival, quantity)]).await;
    let organizer = organizer(db).await;
    let account = BankAccount {
        bank: "BCA".to_owned(),
        number: "1234567890".to_owned(),
        holder: "Owner".to_owned(),
    };
    let tx = client.transaction().await.unwrap();
    // The lease of the page is over, and nobody got to see one.
    let begun = transfers::begin(&tx, order, organizer, &account, at(86_400), at(60)).await;
    begun.unwrap().expect("no page was opened");
    orders::extend(&tx, order, at(86_400), at(60)).await.unwrap();
    tx.commit().await.unwrap();
    order
}

async fn confirm(
    client: &mut Client,
    order: OrderId,
    reference: &str,
    amount: i64,
    by: UserId,
) -> Result<bool, Error> {
    let tx = client.transaction().await.unwrap();
    let said = Confirmation {
        reference,
        amount: rupiah(amount),
        by,
    };
    let random = runtime::random::hex::<16>;
    let applied = settlement::confirm_transfer(&tx, order, said, &random, at(100)).await?;
    tx.commit().await.unwrap();
    Ok(applied.is_some())
}

#[tokio::test]
async fn confirmations_on_eight_connections_sell_once() {
    const CONFIRMING: usize = 8;
    let (db, festival) = on_sale(1_000).await;
    let by = organizer(&db).await;
    let mut client = db.client().await;
    let mut clients = connections(&db, CONFIRMING).await;
    for round in 0..20 {
        let order = waiting(&db, &mut client, festival, 4).await;
        let confirmed = race(&mut clients, async |number, client| {
            let reference = format!("BCA {round} {}", number % 2);
            confirm(client, order, &reference, 4_000, by).await
        })
        .await;
        assert_eq!(
            confirmed
                .iter()
                .filter(|confirmed| matches!(confirmed, Ok(true)))
                .count(),
            1
        );
        assert_eq!(
            confirmed
                .iter()
                .filter(|confirmed| matches!(confirmed, Ok(false)))
                .count(),
            3
        );
        for refused in confirmed.into_iter().filter_map(Result::err) {
            assert_eq!(refused.code, "transfer_confirmed");
        }
    }
    assert_eq!(counters(&client, festival).await.sold, 80);
    assert_eq!(db.count("select count(*) from ledger_postings").await, 20);
    assert_consistent(&client).await;
}

#[tokio::test]
async fn one_transfer_found_for_two_payments_at_once_confirms_one() {
    let (db, festival) = on_sale(1_000).await;
    let by = organizer(&db).await;
    let mut client = db.client().await;
    let mut clients = connections(&db, 2).await;
    for round in 0..20 {
        let two = [
            waiting(&db, &mut client, festival, 1).await,
            waiting(&db, &mut client, festival, 1).await,
        ];
        let reference = format!("BCA {round}");
        let confirmed = race(&mut clients, async |number, client| {
            confirm(client, two[number], &reference, 1_000, by).await
        })
        .await;
        let codes: Vec<_> = confirmed
            .iter()
            .filter_map(|found| found.as_ref().err())
            .map(|error| error.code)
            .collect();
        assert_eq!(codes, ["reference_used"]);
    }
    assert_eq!(counters(&client, festival).await.sold, 20);
    assert_consistent(&client).await;
}

#[tokio::test]
async fn a_reference_confirms_one_payment_however_it_is_spelled() {
    let (db, festival) = on_sale(100).await;
    let by = organizer(&db).await;
    let mut client = db.client().await;
    let first = waiting(&db, &mut client, festival, 1).await;
    assert!(confirm(&mut client, first, "BCA 1", 1_000, by).await.unwrap());
    let second = waiting(&db, &mut client, festival, 1).await;
    db.run("update transfers set bank = 'Bank Central Asia' where reference is null")
        .await;
    let refused = confirm(&mut client, second, "bca 1", 1_000, by).await;
    assert_eq!(refused.unwrap_err().code, "reference_used");
    assert!(confirm(&mut client, second, "BCA 2", 1_000, by).await.unwrap());
    assert_consistent(&client).await;
}

#[tokio::test]
async fn the_end_of_an_order_and_its_confirmation_leave_it_paid() {
    let (db, festival) = on_sale(1_000).await;
    let by = organizer(&db).await;
    let mut client = db.client().await;
    let mut clients = connections(&db, 2).await;
    for round in 0..20 {
        let order = waiting(&db, &mut client, festival, 2).await;
        race(&mut clients, async |number, client| {
            if number == 0 {
                end(client, order, 90).await;
            } else {
                let reference = format!("BCA {round}");
                assert!(confirm(client, order, &reference, 2_000, by).await.unwrap());
            }
        })
        .await;
        let order = orders::find(&client, order).await.unwrap().unwrap();
        assert_eq!(order.status.as_str(), "paid");
    }
    assert_eq!(counters(&client, festival).await.sold, 40);
    assert_consistent(&client).await;
}

#[tokio::test]
async fn the_gateway_has_nothing_to_tell_of_a_transfer() {
    let (db, festival) = on_sale(100).await;
    let mut client = db.client().await;
    let order = waiting(&db, &mut client, festival, 2).await;
    let tx = client.transaction().await.unwrap();
    let told = report("t1", "settlement", "2000.00");
    let random = runtime::random::hex::<16>;
    let applied = settlement::apply(&tx, order, &told, "a test", &random, at(70)).await;
    assert!(applied.unwrap().is_none());
    tx.commit().await.unwrap();
    let due = db::reconciliation::claim(&client, at(1_000_000), 10, at(999_999))
        .await
        .unwrap();
    assert!(due.is_empty(), "{due:?}");
    assert_consistent(&client).await;
}

#[tokio::test]
async fn a_transfer_found_two_days_after_the_event_goes_back() {
    let (db, festival) = on_sale(100).await;
    let by = organizer(&db).await;
    let mut client = db.client().await;
    let late = waiting(&db, &mut client, festival, 2).await;
    assert!(end(&mut client, late, 90).await);
    // Its buyer paid in time; the janitor has not come by.
    let in_time = waiting(&db, &mut client, festival, 1).await;
    db.run(&format!(
        "update events set date = '{}', ends_at = null",
        at(100 - 3 * 86_400)
    ))
    .await;
    assert!(confirm(&mut client, late, "BCA 1", 2_000, by).await.unwrap());
    assert!(confirm(&mut client, in_time, "BCA 2", 1_000, by).await.unwrap());
    let tickets = "select count(*) from issued_tickets";
    assert_eq!(db.count(tickets).await, 1);
    let back = format!(
        "select r.cause || ' ' || r.status || ' ' || r.amount || ' ' || o.status
         from refunds r join payments p on p.id = r.payment_id join orders o on o.id = p.order_id where o.id = {late}"
    );
    assert_eq!(db.text(&back).await, "late_payment manual 2000 refund_due");
    assert_consistent(&client).await;
}

#[tokio::test]
async fn what_came_in_for_nothing_at_the_gateway_is_no_organizers() {
    let (db, festival) = on_sale(100).await;
    let by = organizer(&db).await;
    let mut client = db.client().await;
    let by_page = placed(&mut client, &[(festival, 1)]).await;
    let by_transfer = waiting(&db, &mut client, festival, 1).await;
    for (order, cause, is_theirs) in [
        (by_page, "wrong_amount", false),
        (by_page, "late_payment", false),
        (by_transfer, "late_payment", true),
    ] {
        let sql = format!(
            "insert into refunds (payment_id, key, amount, reason, cause, status, created_at, updated_at)
             select id, 'refund-' || id || '{cause}', 1, 'a test', '{cause}', 'manual', now(), now()
             from payments where order_id = {order} returning id"
        );
        let refund = client.query_one(&sql, &[]).await.unwrap().get(0);
        let refund = RefundId::new(refund);
        let own = refunds::order_of_own(&client, refund, by, false).await.unwrap();
        assert_eq!(own, is_theirs.then_some(order), "{cause}");
        let any = refunds::order_of_own(&client, refund, by, true).await.unwrap();
        assert_eq!(any, Some(order));
    }
}

/// Asks for money back that came in a wrong amount, as an admin does.
async fn ask(client: &mut Client, order: OrderId, amount: Option<i64>) -> Result<RefundId, Error> {
    let tx = client.transaction().await.unwrap();
    let order = orders::lock(&tx, order).await?.unwrap();
    let payment = payments::lock_of_order(&tx, order.id).await?.unwrap();
    assert_eq!(payment.status, PaymentStatus::Conflicted);
    let known = refunds::known(&refunds::of_payment(tx.client(), payment.id).await?);
    let wish = Wish {
        tickets: None,
        amount: amount.map(rupiah),
    };
    let left = payment.paid().minus(promised(&known)).unwrap();
    let plan = plan_of_conflict(By::Admin, &wish, left)?;
    let asked = Asked {
        cause: Cause::WrongAmount,
        by: None,
        event: None,
        reason: "a test",
    };
    let random = runtime::random::hex::<16>;
    let (refund, _) = refunds::request(&tx, &order, &payment, &asked, &plan, &random, at(5)).await?;
    tx.commit().await.unwrap();
    Ok(refund)
}

#[tokio::test]
async fn money_in_a_wrong_amount_is_in_the_books_and_goes_back_where_it_came_from() {
    let (db, festival) = on_sale(100).await;
    let by = organizer(&db).await;
    let mut client = db.client().await;
    // The gateway gives the first one back; of the second it cannot, so people transfer it.
    for (method, expected) in [
        ("qris", RefundStatus::Requested),
        ("bank_transfer", RefundStatus::Manual),
    ] {
        let order = placed(&mut client, &[(festival, 3)]).await;
        let mut told = report("t1", "settlement", "3500.00");
        told.payment_type = Some(method.to_owned());
        let applied = apply(&mut client, order, &told, 1).await;
        assert_eq!(applied.after, PaymentStatus::Conflicted);
        let unearned =
            "select coalesce(sum(credit - debit), 0) from ledger_entries where account = 'unearned'";
        assert_eq!(db.count(unearned).await, 3_500);
        assert_consistent(&client).await;

        let first = ask(&mut client, order, Some(500)).await.unwrap();
        assert_eq!(
            ask(&mut client, order, Some(3_001)).await.unwrap_err().code,
            "refund_too_large"
        );
        let rest = ask(&mut client, order, None).await.unwrap();
        assert_eq!(
            ask(&mut client, order, None).await.unwrap_err().code,
            "nothing_to_refund"
        );
        for id in [first, rest] {
            let refund = refunds::find(&client, id).await.unwrap().unwrap();
            assert_eq!(refund.status, expected);
            let tx = client.transaction().await.unwrap();
            let random = runtime::random::hex::<16>;
            if expected == RefundStatus::Manual {
                let done = settlement::transferred(&tx, order, id, "BCA 1", by, &random, at(6)).await;
                done.unwrap().unwrap();
            } else {
                let mut said = told.clone();
                said.refunds = vec![settlement::GivenBack {
                    key: refund.key,
                    amount: refund.amount,
                    reason: None,
                }];
                settlement::apply(&tx, order, &said, "a test", &random, at(6))
                    .await
                    .unwrap();
            }
            tx.commit().await.unwrap();
            assert_consistent(&client).await;
        }
        let ended = orders::find(&client, order).await.unwrap().unwrap();
        assert_eq!(ended.status.as_str(), "refunded");
        assert_eq!(db.count(unearned).await, 0);
        // Heard again, it changes nothing.
        let again = apply(&mut client, order, &told, 7).await;
        assert_eq!(
            (again.before, again.after),
            (PaymentStatus::Refunded, PaymentStatus::Refunded)
        );
        assert_consistent(&client).await;
    }
}

#[tokio::test]
async fn money_in_a_wrong_amount_that_its_bank_takes_back_leaves_the_books() {
    let (db, festival) = on_sale(100).await;
    let mut client = db.client().await;
    for first in [true, false] {
        let order = placed(&mut client, &[(festival, 3)]).await;
        if first {
            apply(&mut client, order, &report("t1", "settlement", "3500.00"), 1).await;
        }
        let applied = apply(&mut client, order, &report("t1", "chargeback", "3500.00"), 2).await;
        assert_eq!(applied.after, PaymentStatus::Chargeback);
        assert_eq!(applied.order.as_str(), "disputed");
        assert_consistent(&client).await;
    }
    assert_eq!(counters(&client, festival).await.free(), 100);
}

/// Gives money back that came in a wrong amount, and tells how the payment and its order stand.
async fn give_back(client: &mut Client, order: OrderId, amount: Option<i64>, by: UserId) -> String {
    let refund = ask(client, order, amount).await.unwrap();
    let tx = client.transaction().await.unwrap();
    refunds::leave_to_people(&tx, refund, "a test", &runtime::random::hex::<16>, at(6))
        .await
        .unwrap();
    let random = runtime::random::hex::<16>;
    let done = settlement::transferred(&tx, order, refund, "BCA 1", by, &random, at(7)).await;
    let done = done.unwrap().unwrap();
    tx.commit().await.unwrap();
    format!("{} {}", done.after.as_str(), done.order.as_str())
}

#[tokio::test]
async fn what_a_second_transaction_brings_is_booked_and_goes_back_too() {
    let (db, festival) = on_sale(100).await;
    let by = organizer(&db).await;
    let mut client = db.client().await;
    let unearned = "select coalesce(sum(credit - debit), 0) from ledger_entries where account = 'unearned'";
    // The rest is known before the first sum went back, or only after it.
    for (early, after_first) in [(true, "conflicted disputed"), (false, "refunded refunded")] {
        let order = placed(&mut client, &[(festival, 3)]).await;
        apply(&mut client, order, &report("t1", "settlement", "2900.00"), 1).await;
        let second = report("t2", "settlement", "3000.00");
        if early {
            apply(&mut client, order, &second, 2).await;
            assert_eq!(db.count(unearned).await, 5_900);
        }
        let given = give_back(&mut client, order, Some(2_900), by).await;
        assert_eq!(given, after_first);
        for _ in 0..2 {
            let applied = apply(&mut client, order, &second, 8).await;
            assert_eq!(
                (applied.after, applied.order.as_str()),
                (PaymentStatus::Conflicted, "disputed")
            );
            assert_eq!(db.count(unearned).await, 3_000);
            assert_consistent(&client).await;
        }
        let given = give_back(&mut client, order, None, by).await;
        assert_eq!(given, "refunded refunded");
        assert_eq!(db.count(unearned).await, 0);
        assert_consistent(&client).await;
    }
}

#[tokio::test]
async fn nothing_succeeds_after_a_wrong_amount_that_its_bank_took_back() {
    let (db, festival) = on_sale(100).await;
    let by = organizer(&db).await;
    let mut client = db.client().await;
    let (wrong, gone) = (
        report("t1", "settlement", "2900.00"),
        report("t1", "chargeback", "2900.00"),
    );
    let right = report("t2", "settlement", "3000.00");
    for told in [[&wrong, &gone, &right], [&wrong, &right, &gone]] {
        let order = placed(&mut client, &[(festival, 3)]).await;
        for (report, seconds) in told.into_iter().zip(1..) {
            apply(&mut client, order, report, seconds).await;
            assert_consistent(&client).await;
        }
        let status = format!("select status || ' ' || received from payments where order_id = {order}");
        assert_eq!(db.text(&status).await, "conflicted 3000");
        assert_eq!(db.count("select count(*) from issued_tickets").await, 0);
        let given = give_back(&mut client, order, None, by).await;
        assert_eq!(given, "refunded refunded");
        let taken = apply(&mut client, order, &report("t2", "chargeback", "3000.00"), 9).await;
        assert_eq!(taken.order.as_str(), "disputed");
        assert_consistent(&client).await;
    }
}

#[tokio::test]
async fn what_is_in_no_book_keeps_a_payment_open() {
    let (db, festival) = on_sale(100).await;
    let by = organizer(&db).await;
    let mut client = db.client().await;
    let order = placed(&mut client, &[(festival, 3)]).await;
    apply(&mut client, order, &report("t1", "settlement", "2900.00"), 1).await;
    let mut foreign = report("t2", "settlement", "3.00");
    foreign.currency = Some("USD".to_owned());
    apply(&mut client, order, &foreign, 2).await;
    assert_eq!(
        give_back(&mut client, order, None, by).await,
        "conflicted disputed"
    );
    assert_consistent(&client).await;
}

#[tokio::test]
async fn asking_twice_at_once_for_money_in_a_wrong_amount_gives_it_once() {
    let (db, festival) = on_sale(1_000).await;
    let mut client = db.client().await;
    let mut clients = connections(&db, 6).await;
    for _ in 0..10 {
        let order = placed(&mut client, &[(festival, 3)]).await;
        apply(&mut client, order, &report("t1", "settlement", "3500.00"), 1).await;
        let asked = race(&mut clients, async |_, client| ask(client, order, None).await).await;
        assert_eq!(asked.iter().filter(|asked| asked.is_ok()).count(), 1);
    }
    assert_consistent(&client).await;
}

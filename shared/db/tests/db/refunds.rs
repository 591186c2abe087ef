//! Money that goes back: once, never more than was paid, and whatever happens beside it.

use crate::payments::{apply, placed, report};
use crate::support::{another_type, assert_consistent, at, connections, counters, on_sale, race, sqlstate};
use db::refunds::{self, Asked, Refund};
use db::settlement::{self, GivenBack, Report};
use db::{Transaction, cancellations, issued, orders, payments};
use domain::message::Queue;
use domain::order::OrderStatus;
use domain::payment::PaymentStatus;
use domain::refund::{By, Cause, RefundStatus, Sale, Wish, plan, promised};
use domain::{Error, EventId, IssuedTicketId, OrderId, Rupiah, TicketTypeId, UserId};
use std::sync::atomic::{AtomicU32, Ordering};
use testkit::{Rows, TestDb};
use tokio_postgres::Client;

fn rupiah(amount: i64) -> Rupiah {
    Rupiah::new(amount).unwrap()
}

/// A paid order; its price is 1,000 for each ticket.
async fn paid(client: &mut Client, lines: &[(TicketTypeId, u32)]) -> OrderId {
    let order = placed(client, lines).await;
    let amount: u32 = lines.iter().map(|(_, quantity)| quantity * 1_000).sum();
    let applied = apply(
        client,
        order,
        &report("t1", "settlement", &format!("{amount}.00")),
        1,
    )
    .await;
    assert_eq!(applied.after, PaymentStatus::Success);
    order
}

/// A wish to give these tickets back.
pub fn these(tickets: &[IssuedTicketId]) -> Wish {
    Wish {
        tickets: Some(tickets.to_vec()),
        amount: None,
    }
}

/// A wish to give an amount back and take no ticket.
pub fn gesture(amount: i64) -> Wish {
    Wish {
        tickets: None,
        amount: Some(rupiah(amount)),
    }
}

/// Asks for a refund as an admin does.
async fn ask_in(tx: &Transaction<'_>, order: OrderId, wish: &Wish) -> Result<Refund, Error> {
    let order = orders::lock(tx, order).await?.unwrap();
    let payment = payments::lock_of_order(tx, order.id).await?.unwrap();
    let held = refunds::held(&issued::lock_live(tx, order.id).await?);
    let void = issued::void_of_order(tx.client(), order.id).await?;
    let takings = refunds::takings(tx.client(), order.id, None).await?;
    let known = refunds::known(&refunds::of_payment(tx.client(), payment.id).await?);
    let sale = Sale {
        held: &held,
        void: &void,
        takings: &takings,
        left: payment.amount.minus(promised(&known)).unwrap(),
    };
    let plan = plan(By::Admin, wish, sale, at(2))?;
    let asked = Asked {
        cause: Cause::Request,
        by: None,
        event: None,
        reason: "a test",
    };
    let random = runtime::random::hex::<16>;
    let (id, _) = refunds::request(tx, &order, &payment, &asked, &plan, &random, at(2)).await?;
    settlement::end_if_free_and_empty(tx, &order, &payment, &random, at(2)).await?;
    Ok(refunds::find(tx.client(), id).await?.unwrap())
}

/// Asks for a refund as an admin does, in a transaction of its own.
pub async fn ask(client: &mut Client, order: OrderId, wish: &Wish) -> Result<Refund, Error> {
    let tx = client.transaction().await.unwrap();
    let asked = ask_in(&tx, order, wish).await?;
    tx.commit().await.unwrap();
    Ok(asked)
}

/// The good tickets of an order.
pub async fn tickets(client: &mut Client, order: OrderId) -> Vec<IssuedTicketId> {
    let tx = client.transaction().await.unwrap();
    let live = issued::lock_live(&tx, order).await.unwrap();
    live.into_iter().map(|ticket| ticket.id).collect()
}

/// What the gateway says after it gave back by these keys.
pub fn gave_back(words: &str, total: i64, given: &[(&str, i64)]) -> Report {
    let mut report = report("t1", words, &format!("{total}.00"));
    report.refunds = given
        .iter()
        .map(|(key, amount)| GivenBack {
            key: (*key).to_owned(),
            amount: rupiah(*amount),
            reason: None,
        })
        .collect();
    report
}

async fn refunds_of(client: &Client, order: OrderId) -> Vec<Refund> {
    let sql = "select id from payments where order_id = $1";
    let payment: i64 = client.query_one(sql, &[&order.get()]).await.unwrap().get(0);
    refunds::of_payment(client, domain::PaymentId::new(payment))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_ticket_goes_back_with_its_money_and_the_rest_stays() {
    let (db, festival) = on_sale(100).await;
    let mut client = db.client().await;
    let order = paid(&mut client, &[(festival, 3)]).await;
    let all = tickets(&mut client, order).await;
    let first = ask(&mut client, order, &these(&all[..1])).await.unwrap();
    assert_eq!(
        (first.amount, first.status),
        (rupiah(1_000), RefundStatus::Requested)
    );
    assert_eq!(
        counters(&client, festival).await.sold,
        2,
        "it is on sale again at once"
    );
    assert_consistent(&client).await;

    let again = ask(&mut client, order, &these(&all[..1])).await.unwrap_err();
    assert_eq!(again.code, "ticket_void");
    let too_much = ask(&mut client, order, &gesture(2_001)).await.unwrap_err();
    assert_eq!(too_much.code, "refund_too_large");

    let said = gave_back("partial_refund", 3_000, &[(&first.key, 1_000)]);
    for _ in 0..3 {
        let applied = apply(&mut client, order, &said, 3).await;
        assert_eq!(
            (applied.after, applied.order),
            (PaymentStatus::PartiallyRefunded, OrderStatus::Paid)
        );
    }
    assert_eq!(
        db.count("select count(*) from ledger_postings where kind = 'refund'")
            .await,
        1
    );
    assert_consistent(&client).await;

    let rest = ask(&mut client, order, &Wish::default()).await.unwrap();
    assert_eq!((rest.amount, rest.tickets.len()), (rupiah(2_000), 2));
    let said = gave_back("refund", 3_000, &[(&first.key, 1_000), (&rest.key, 2_000)]);
    let applied = apply(&mut client, order, &said, 4).await;
    assert_eq!(
        (applied.after, applied.order),
        (PaymentStatus::Refunded, OrderStatus::Refunded)
    );
    let nothing = ask(&mut client, order, &Wish::default()).await.unwrap_err();
    assert_eq!(nothing.code, "nothing_to_refund");
    assert_eq!(
        db.count("select coalesce(sum(credit - debit), 0) from ledger_entries where account <> 'gateway'")
            .await,
        0
    );
    assert_consistent(&client).await;
}

#[tokio::test]
async fn what_was_given_back_does_not_count_towards_a_limit_per_buyer() {
    let (db, festival) = on_sale(100).await;
    let mut client = db.client().await;
    let order = paid(&mut client, &[(festival, 3)]).await;
    let sql = "select user_id from orders where id = $1";
    let buyer = UserId::new(client.query_one(sql, &[&order.get()]).await.unwrap().get(0));
    let all = tickets(&mut client, order).await;
    ask(&mut client, order, &these(&all[..2])).await.unwrap();
    let tx = client.transaction().await.unwrap();
    let bought = orders::bought(&tx, buyer, &[festival]).await.unwrap();
    assert_eq!(bought, [(festival, 1)]);
}

#[tokio::test]
async fn refunds_asked_for_at_once_never_give_more_than_was_paid() {
    const ASKING: usize = 8;
    let (db, festival) = on_sale(1_000).await;
    let mut client = db.client().await;
    let mut clients = connections(&db, ASKING).await;
    for round in 0..10 {
        let order = paid(&mut client, &[(festival, 4)]).await;
        let all = tickets(&mut client, order).await;
        let asked = race(&mut clients, async |number, client| {
            // Everything, three fifths of it, or one ticket.
            let wish = match (number + round) % 3 {
                0 => Wish::default(),
                1 => gesture(2_400),
                _ => these(&all[..1]),
            };
            ask(client, order, &wish).await.map(|refund| refund.amount.get())
        })
        .await;
        let promised: i64 = asked.iter().flatten().sum();
        assert!(promised <= 4_000, "{asked:?}");
        assert!(asked.iter().any(Result::is_ok));
        let sql =
            "select coalesce(sum(r.amount), 0)::bigint from refunds r join payments p on p.id = r.payment_id
                   where p.order_id = $1";
        let written: i64 = client.query_one(sql, &[&order.get()]).await.unwrap().get(0);
        assert_eq!(written, promised);
    }
    assert_consistent(&client).await;
}

#[tokio::test]
async fn what_a_method_cannot_give_back_people_transfer() {
    let (db, festival) = on_sale(100).await;
    let mut client = db.client().await;
    let order = placed(&mut client, &[(festival, 2)]).await;
    let mut settled = report("t1", "settlement", "2000.00");
    settled.payment_type = Some("bank_transfer".to_owned());
    apply(&mut client, order, &settled, 1).await;
    let refund = ask(&mut client, order, &Wish::default()).await.unwrap();
    assert_eq!(refund.status, RefundStatus::Manual);
    let sql = "select count(*) from outbox where queue = 'refunds' or body like '%refund_started%'";
    assert_eq!(db.count(sql).await, 0, "the gateway is not asked");
    assert_eq!(
        db.count("select count(*) from outbox where body like '%refund_manual%'")
            .await,
        1
    );
    assert_consistent(&client).await;

    for (reference, worked) in [("BCA 17", true), ("BCA 18", false)] {
        let tx = client.transaction().await.unwrap();
        let random = runtime::random::hex::<16>;
        let by = UserId::new(1);
        let applied = settlement::transferred(&tx, order, refund.id, reference, by, &random, at(5))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(applied.is_some(), worked, "{reference}");
    }
    let done = refunds::find(&client, refund.id).await.unwrap().unwrap();
    assert_eq!(
        (done.status, done.reference.as_deref()),
        (RefundStatus::Done, Some("BCA 17"))
    );
    assert_eq!(db.text("select status from payments").await, "refunded");
    assert_eq!(db.text("select status from orders").await, "refunded");
    let from_bank = "select sum(credit) from ledger_entries where account = 'bank'";
    assert_eq!(db.count(from_bank).await, 2_000);
    // The gateway still says what it knows, and that changes nothing.
    let applied = apply(&mut client, order, &settled, 6).await;
    assert_eq!(applied.after, PaymentStatus::Refunded);
    assert_consistent(&client).await;
}

#[tokio::test]
async fn money_that_went_back_past_us_is_written_down_and_overtakes_what_was_promised() {
    let (db, festival) = on_sale(100).await;
    let tribune = another_type(&db, 10).await;
    let mut client = db.client().await;
    let order = paid(&mut client, &[(festival, 2), (tribune, 1)]).await;
    let first = ask(&mut client, order, &gesture(2_500)).await.unwrap();
    let said = gave_back("partial_refund", 3_000, &[("dashboard-1", 1_000)]);
    apply(&mut client, order, &said, 3).await;
    let all = refunds_of(&client, order).await;
    let seen: Vec<_> = all
        .iter()
        .map(|refund| (refund.cause, refund.status, refund.amount.get()))
        .collect();
    assert_eq!(
        seen,
        [
            (Cause::Request, RefundStatus::Failed, 2_500),
            (Cause::Gateway, RefundStatus::Succeeded, 1_000)
        ],
        "only 2,000 are left, so 2,500 cannot go any more"
    );
    assert_consistent(&client).await;
    // It had been made all the same: what the gateway says counts, up to what was paid.
    let said = gave_back("refund", 3_000, &[("dashboard-1", 1_000), (&first.key, 2_000)]);
    let applied = apply(&mut client, order, &said, 4).await;
    assert_eq!(applied.order, OrderStatus::Refunded);
}

#[tokio::test]
async fn what_was_paid_once_more_is_not_forgotten_when_the_order_gets_its_money_back() {
    let (db, festival) = on_sale(100).await;
    let mut client = db.client().await;
    let order = paid(&mut client, &[(festival, 3)]).await;
    apply(&mut client, order, &report("t2", "settlement", "3000.00"), 1).await;
    let tells = async |client: &Client| db::alerts::money(client, at(3)).await.unwrap().0.count;
    assert_eq!(tells(&client).await, 1);
    let all = tickets(&mut client, order).await;
    let asked = ask(&mut client, order, &these(&all)).await.unwrap();
    let given = gave_back("refund", 3_000, &[(&asked.key, 3_000)]);
    let after = apply(&mut client, order, &given, 3).await;
    assert_eq!(
        (after.after, after.order),
        (PaymentStatus::Refunded, OrderStatus::Refunded)
    );
    assert_eq!(
        tells(&client).await,
        1,
        "the other transaction still has its money"
    );
    apply(&mut client, order, &report("t2", "refund", "3000.00"), 4).await;
    assert_eq!(tells(&client).await, 0);
    assert_consistent(&client).await;
}

#[tokio::test]
async fn a_chargeback_ends_refunds_that_are_under_way() {
    let (db, festival) = on_sale(100).await;
    let mut client = db.client().await;
    let order = paid(&mut client, &[(festival, 2)]).await;
    ask(&mut client, order, &gesture(500)).await.unwrap();
    apply(&mut client, order, &report("t1", "chargeback", "2000.00"), 3).await;
    assert_eq!(refunds_of(&client, order).await[0].status, RefundStatus::Failed);
    assert_eq!(
        db.count("select sum(debit) from ledger_entries where account = 'organizer'")
            .await,
        2_000
    );
    assert_eq!(
        ask_closed(&mut client, order).await,
        PaymentStatus::Chargeback,
        "and nothing more is given back"
    );
    assert_consistent(&client).await;
}

async fn ask_closed(client: &mut Client, order: OrderId) -> PaymentStatus {
    let tx = client.transaction().await.unwrap();
    let payment = payments::lock_of_order(&tx, order).await.unwrap().unwrap();
    assert!(!domain::refund::is_refundable(payment.status));
    payment.status
}

#[tokio::test]
async fn a_captured_card_that_is_called_off_gives_everything_back() {
    let (db, festival) = on_sale(100).await;
    let mut client = db.client().await;
    let order = placed(&mut client, &[(festival, 2)]).await;
    apply(&mut client, order, &report("t1", "capture", "2000.00"), 1).await;
    let refund = ask(&mut client, order, &Wish::default()).await.unwrap();
    let applied = apply(&mut client, order, &report("t1", "cancel", "2000.00"), 2).await;
    assert_eq!(applied.order, OrderStatus::Refunded);
    let refund = refunds::find(&client, refund.id).await.unwrap().unwrap();
    assert_eq!(refund.status, RefundStatus::Succeeded);
    assert_eq!(db.count("select count(*) from refunds").await, 1);
    assert_consistent(&client).await;
}

#[tokio::test]
async fn free_tickets_go_back_for_nothing_and_end_their_order() {
    let (db, festival) = on_sale(100).await;
    let mut client = db.client().await;
    db.run("alter table order_items alter unit_price set default 0")
        .await;
    let order = placed(&mut client, &[(festival, 2)]).await;
    db.run(
        "update order_items set unit_price = 0; update orders set subtotal = 0, total = 0;
         update payments set amount = 0, original_amount = 0",
    )
    .await;
    let tx = client.transaction().await.unwrap();
    let (free, payment) = (
        orders::lock(&tx, order).await.unwrap().unwrap(),
        payments::lock_of_order(&tx, order).await.unwrap().unwrap(),
    );
    settlement::settle_free(&tx, &free, &payment, &runtime::random::hex::<16>, at(1))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let all = tickets(&mut client, order).await;
    let one = ask(&mut client, order, &these(&all[..1])).await.unwrap();
    assert_eq!((one.amount, one.status), (Rupiah::ZERO, RefundStatus::Succeeded));
    assert_eq!(db.text("select status from orders").await, "paid");
    ask(&mut client, order, &Wish::default()).await.unwrap();
    assert_eq!(db.text("select status from orders").await, "refunded");
    assert_eq!(counters(&client, festival).await.sold, 0);
    assert_eq!(db.count("select count(*) from ledger_postings").await, 0);
    assert_consistent(&client).await;
}

/// A second event with a ticket type, in one sale with the first.
async fn second_event(db: &TestDb) -> TicketTypeId {
    let other = another_type(db, 50).await;
    let event = Rows(db).event(UserId::new(1), "Other").await;
    db.run(&format!(
        "update ticket_types set event_id = {event} where id = {other}"
    ))
    .await;
    other
}

async fn cancel(db: &TestDb, client: &mut Client) -> EventId {
    let event = EventId::new(1);
    db.run("update events set status = 'cancelled' where id = 1")
        .await;
    let tx = client.transaction().await.unwrap();
    cancellations::start(&tx, event, UserId::new(1), at(10))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    event
}

/// Works off what waits, as the janitor does; `dies_after` orders its process is killed before it commits.
async fn work_off(client: &mut Client, event: EventId, dies_after: Option<u32>) -> u32 {
    let (mut last, mut done) = (None, 0);
    loop {
        let waiting = cancellations::waiting(client, event, last, 7).await.unwrap();
        let Some(newest) = waiting.last() else { break };
        last = Some(*newest);
        for order in waiting {
            let tx = client.transaction().await.unwrap();
            let random = runtime::random::hex::<16>;
            let worked = cancellations::work_off(&tx, event, order, &random, at(20))
                .await
                .unwrap();
            if dies_after == Some(done) {
                return done;
            }
            tx.commit().await.unwrap();
            done += u32::from(worked);
        }
    }
    cancellations::finish(client, event, at(21)).await.unwrap();
    done
}

#[tokio::test]
async fn a_cancelled_event_gives_every_order_its_money_back_once() {
    const ORDERS: u32 = 20;
    let (db, festival) = on_sale(200).await;
    let other = second_event(&db).await;
    let mut client = db.client().await;
    for number in 0..ORDERS {
        if number % 2 == 0 {
            paid(&mut client, &[(festival, 2)]).await;
        } else {
            paid(&mut client, &[(festival, 1), (other, 2)]).await;
        }
    }
    let unpaid = placed(&mut client, &[(festival, 1)]).await;
    let event = cancel(&db, &mut client).await;

    // One dies in the middle; then four go on at the same time.
    assert_eq!(work_off(&mut client, event, Some(5)).await, 5);
    let progress = cancellations::progress(&client, event, UserId::new(1), false)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((progress.waiting, progress.finished_at), (15, None));
    let mut clients = connections(&db, 4).await;
    let done = AtomicU32::new(5);
    race(&mut clients, async |_, client| {
        done.fetch_add(work_off(client, event, None).await, Ordering::Relaxed);
    })
    .await;
    assert_eq!(done.into_inner(), ORDERS);
    let progress = cancellations::progress(&client, event, UserId::new(1), false)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((progress.waiting, progress.finished_at), (0, Some(at(21))));
    let [tally] = &progress.tallies[..] else {
        panic!("{:?}", progress.tallies)
    };
    assert_eq!(
        (tally.status, tally.orders, tally.amount),
        (RefundStatus::Requested, 20, 10 * 2_000 + 10 * 1_000)
    );
    assert_eq!(counters(&client, festival).await.sold, 0);
    assert_eq!(counters(&client, other).await.sold, 20, "other events take place");
    assert_eq!(
        db.count("select count(*) from outbox where body like '%event_cancelled%'")
            .await,
        20
    );
    assert_eq!(
        db.count("select count(*) from outbox where queue = 'refunds'")
            .await,
        20
    );
    assert!(
        cancellations::progress(&client, event, UserId::new(99), false)
            .await
            .unwrap()
            .is_none()
    );
    assert_consistent(&client).await;

    let late = apply(&mut client, unpaid, &report("t9", "settlement", "1000.00"), 30).await;
    assert_eq!(late.order, OrderStatus::RefundDue);
    assert!(
        late.messages
            .iter()
            .any(|message| message.queue == Queue::Refunds)
    );
    assert_eq!(work_off(&mut client, event, None).await, 0);
    assert_consistent(&client).await;
}

#[tokio::test]
async fn the_ledger_takes_no_nonsense() {
    let (db, festival) = on_sale(100).await;
    let mut client = db.client().await;
    paid(&mut client, &[(festival, 2)]).await;
    for sql in [
        "update ledger_entries set debit = debit + 1 where debit > 0",
        "delete from ledger_entries",
        "truncate ledger_entries",
        "update ledger_postings set kind = 'reversal'",
        "delete from ledger_postings",
        "insert into ledger_entries (posting_id, account, debit) values (1, 'gateway', 5)",
        "insert into ledger_postings (kind, payment_id, at) select kind, payment_id, at from ledger_postings",
        "insert into ledger_entries (posting_id, account, debit, credit) values (1, 'gateway', 5, 5)",
        "insert into ledger_entries (posting_id, account, credit) values (1, 'organizer', 5)",
    ] {
        assert!(client.batch_execute(sql).await.is_err(), "{sql}");
    }
    let error = client
        .batch_execute("insert into ledger_entries (posting_id, account, debit) values (1, 'bank', 5)")
        .await
        .unwrap_err();
    assert_eq!(sqlstate(&error.into()), "23514");
    assert_consistent(&client).await;
}

/// Behind the rules of the program stands the schema: it refuses a second time even to whoever forgets to look.
#[tokio::test]
async fn the_schema_lets_nothing_go_back_twice() {
    let (db, festival) = on_sale(100).await;
    let mut client = db.client().await;
    let order = paid(&mut client, &[(festival, 2)]).await;
    let all = tickets(&mut client, order).await;
    let refund = ask(&mut client, order, &these(&all[..1])).await.unwrap();
    let said = gave_back("partial_refund", 2_000, &[(&refund.key, 1_000)]);
    apply(&mut client, order, &said, 3).await;
    let another = "insert into refunds (payment_id, key, amount, reason, cause, event_id, status, next_try_at, created_at, updated_at)
        select payment_id, key || '-2', 1, 'again', cause, event_id, 'requested', now(), now(), now() from refunds
        order by id desc limit 1 returning id";
    let second: i64 = client.query_one(another, &[]).await.unwrap().get(0);
    let event = "update refunds set cause = 'event_cancelled', event_id = 1";
    for (constraint, sql) in [
        (
            "refund_tickets_ticket_id_key",
            format!("insert into refund_tickets values ({second}, {})", all[0]),
        ),
        (
            "ledger_postings_refund_id_key",
            format!(
                "insert into ledger_postings (kind, payment_id, refund_id, at) select 'refund', payment_id, id, now()
                 from refunds where id = {}",
                refund.id
            ),
        ),
        (
            "refunds_payment_id_key_key",
            format!("update refunds set key = (select key from refunds where id = {}) where id = {second}", refund.id),
        ),
        ("refunds_cancellation_idx", event.to_owned()),
    ] {
        let error = client.batch_execute(&sql).await.unwrap_err();
        let name = error.as_db_error().and_then(|error| error.constraint()).map(str::to_owned);
        assert_eq!(name.as_deref(), Some(constraint), "{sql}: {error:?}");
    }
}

#[tokio::test]
async fn refunds_are_asked_for_again_after_ever_longer_pauses() {
    let (db, festival) = on_sale(100).await;
    let mut client = db.client().await;
    let order = paid(&mut client, &[(festival, 1)]).await;
    let refund = ask(&mut client, order, &Wish::default()).await.unwrap();
    let due = async |client: &mut Client, seconds: i64| {
        let tx = client.transaction().await.unwrap();
        let due = refunds::due(&tx, 10, at(seconds + 300), at(seconds))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        due
    };
    assert!(due(&mut client, 31).await.is_empty(), "its message is under way");
    assert_eq!(due(&mut client, 32).await, [refund.id]);
    assert!(due(&mut client, 33).await.is_empty());
    let mut at_next = 40;
    for pause in [30, 60, 120] {
        let now = refunds::find(&client, refund.id).await.unwrap().unwrap();
        assert!(refunds::begin_attempt(&client, &now, at(at_next)).await.unwrap());
        assert!(due(&mut client, at_next + pause - 1).await.is_empty());
        assert_eq!(due(&mut client, at_next + pause).await, [refund.id]);
        at_next += pause;
    }
    let stored = refunds::find(&client, refund.id).await.unwrap().unwrap();
    assert_eq!((stored.attempts, stored.first_try_at), (3, Some(at(40))));
    let tx = client.transaction().await.unwrap();
    let random = runtime::random::hex::<16>;
    let mails = refunds::leave_to_people(&tx, refund.id, "no", &random, at(900))
        .await
        .unwrap();
    assert_eq!(mails.len(), 1);
    let again = refunds::leave_to_people(&tx, refund.id, "no", &random, at(900))
        .await
        .unwrap();
    assert!(again.is_empty());
    tx.commit().await.unwrap();
    let stored = refunds::find(&client, refund.id).await.unwrap().unwrap();
    assert!(!refunds::begin_attempt(&client, &stored, at(901)).await.unwrap());
}

//! What reports of the payment gateway do: once, and whatever happens beside them.

use crate::payments::{apply, end, placed, report, rows};
use crate::support::{
    another_type, assert_consistent, at, connections, counters, on_sale, order_without_stock, race,
};
use db::stock::{self, Owner, Want};
use domain::message::{Outgoing, Queue};
use domain::order::OrderStatus;
use domain::payment::PaymentStatus;
use domain::{OrderId, TicketTypeId};
use tokio_postgres::Client;

async fn one_number(client: &Client, sql: &str, order: OrderId) -> i64 {
    client.query_one(sql, &[&order.get()]).await.unwrap().get(0)
}

async fn live_tickets(client: &Client, order: OrderId) -> i64 {
    let sql = "select count(*) from issued_tickets t join order_items i on i.id = t.order_item_id
               where i.order_id = $1 and t.status = 'valid'";
    one_number(client, sql, order).await
}

/// Takes what is free away from the others.
async fn take_all(client: &mut Client, ticket_type: TicketTypeId) {
    let free = u32::try_from(counters(client, ticket_type).await.free()).unwrap();
    placed(client, &[(ticket_type, free)]).await;
}

/// What the messages for a queue say.
fn of_queue(messages: &[Outgoing], queue: Queue) -> Vec<&str> {
    let of_queue = messages.iter().filter(|message| message.queue == queue);
    of_queue.map(|message| message.body.as_str()).collect()
}

#[tokio::test]
async fn a_paid_order_gets_one_ticket_per_unit() {
    let (db, festival) = on_sale(100).await;
    let tribune = another_type(&db, 10).await;
    let mut client = db.client().await;
    let order = placed(&mut client, &[(festival, 30), (tribune, 2)]).await;
    let pending = apply(&mut client, order, &report("t1", "pending", "32000.00"), 1).await;
    assert_eq!(
        (pending.before, pending.after),
        (PaymentStatus::Pending, PaymentStatus::Pending)
    );
    assert!(pending.messages.is_empty());

    let paid = apply(&mut client, order, &report("t1", "settlement", "32000.00"), 2).await;
    assert_eq!(
        (paid.before, paid.after),
        (PaymentStatus::Pending, PaymentStatus::Success)
    );
    assert_eq!(paid.order, OrderStatus::Paid);
    let mails = of_queue(&paid.messages, Queue::Mail);
    let [receipt, tickets] = &mails[..] else {
        panic!("a receipt and the tickets: {mails:?}")
    };
    assert!(
        receipt.contains("payment") && tickets.contains("tickets"),
        "{mails:?}"
    );
    let waiting = db::outbox::waiting(&client, at(2), 10).await.unwrap();
    assert!(paid.messages.iter().all(|message| waiting.contains(message)));

    assert_eq!(live_tickets(&client, order).await, 32);
    let sql =
        "select count(distinct t.code) from issued_tickets t join order_items i on i.id = t.order_item_id
               where i.order_id = $1 and unit between 1 and i.quantity";
    assert_eq!(one_number(&client, sql, order).await, 32);
    let sql = "select count(*) from orders where id = $1 and paid_at = to_timestamp($2)";
    let paid_at = at(2).inner().as_second() as f64;
    let found: i64 = client
        .query_one(sql, &[&order.get(), &paid_at])
        .await
        .unwrap()
        .get(0);
    assert_eq!(found, 1);
    assert_eq!(counters(&client, festival).await.sold, 30);
    assert_consistent(&client).await;
}

#[tokio::test]
async fn a_replay_changes_no_row() {
    let (db, festival) = on_sale(100).await;
    let mut client = db.client().await;
    let order = placed(&mut client, &[(festival, 3)]).await;
    let paid = report("t1", "settlement", "3000.00");
    apply(&mut client, order, &paid, 1).await;
    let all = "select string_agg(t::text, ';' order by t::text) from (
        select xmin::text || ctid::text || row_to_json(orders)::text as t from orders
        union all select xmin::text || row_to_json(payments)::text from payments
        union all select xmin::text || row_to_json(payment_transactions)::text from payment_transactions
        union all select xmin::text || row_to_json(payment_transitions)::text from payment_transitions
        union all select xmin::text || row_to_json(issued_tickets)::text from issued_tickets
        union all select xmin::text || row_to_json(ticket_stock)::text from ticket_stock
        union all select xmin::text || row_to_json(outbox)::text from outbox) rows";
    let before = db.text(all).await;
    for seconds in 2..5 {
        let again = apply(&mut client, order, &paid, seconds).await;
        assert_eq!(
            (again.before, again.after),
            (PaymentStatus::Success, PaymentStatus::Success)
        );
        assert!(again.messages.is_empty());
    }
    assert_eq!(db.text(all).await, before);
}

#[tokio::test]
async fn eight_workers_with_the_same_report_have_one_effect() {
    const WORKERS: usize = 8;
    let (db, festival) = on_sale(1_000).await;
    let mut client = db.client().await;
    let mut clients = connections(&db, WORKERS).await;
    for _ in 0..10 {
        let order = placed(&mut client, &[(festival, 4)]).await;
        let paid = report("t1", "settlement", "4000.00");
        let applied = race(&mut clients, async |_, client| {
            apply(client, order, &paid, 1).await
        })
        .await;
        assert!(
            applied
                .iter()
                .all(|applied| applied.after == PaymentStatus::Success)
        );
        assert_eq!(
            applied
                .iter()
                .filter(|applied| applied.before == PaymentStatus::Pending)
                .count(),
            1
        );
        let mails = applied
            .iter()
            .map(|applied| of_queue(&applied.messages, Queue::Mail).len());
        assert_eq!(mails.sum::<usize>(), 2, "a receipt and the tickets");
        assert_eq!(live_tickets(&client, order).await, 4);
    }
    assert_eq!(
        db.count("select count(*) from outbox where queue = 'mail'").await,
        20
    );
    let told = "select count(*) from notifications where notice ->> 'kind' = 'order_paid'";
    assert_eq!(db.count(told).await, 10);
    assert_consistent(&client).await;
}

#[tokio::test]
async fn all_reports_of_a_life_at_once_end_as_they_would_in_order() {
    let (db, festival) = on_sale(1_000).await;
    let mut client = db.client().await;
    let life = ["pending", "capture", "settlement", "partial_refund", "refund"];
    let mut clients = connections(&db, life.len()).await;
    for _ in 0..20 {
        let order = placed(&mut client, &[(festival, 2)]).await;
        race(&mut clients, async |number, client| {
            apply(client, order, &report("t1", life[number], "2000.00"), 1).await;
        })
        .await;
        let rows = rows(&client, order).await;
        assert!(
            rows.contains(r#""order" : "refunded", "payment" : ["refunded""#),
            "{rows}"
        );
        assert_eq!(live_tickets(&client, order).await, 0);
    }
    let left = counters(&client, festival).await;
    assert_eq!((left.held, left.sold), (0, 0));
    assert_consistent(&client).await;
}

#[tokio::test]
async fn money_that_comes_late_is_honoured_while_there_is_stock() {
    let (db, festival) = on_sale(60).await;
    let mut client = db.client().await;
    let order = placed(&mut client, &[(festival, 40)]).await;
    assert!(end(&mut client, order, 900).await);
    assert_eq!(counters(&client, festival).await.free(), 60);
    let late = apply(&mut client, order, &report("t1", "settlement", "40000.00"), 1_000).await;
    assert_eq!(
        (late.before, late.after),
        (PaymentStatus::Expired, PaymentStatus::Success)
    );
    assert_eq!(late.order, OrderStatus::Paid);
    assert_eq!(live_tickets(&client, order).await, 40);
    assert!(!end(&mut client, order, 1_001).await);
    assert_consistent(&client).await;
}

#[tokio::test]
async fn money_that_comes_too_late_is_to_be_refunded_and_takes_nothing() {
    let (db, festival) = on_sale(60).await;
    let tribune = another_type(&db, 10).await;
    let mut client = db.client().await;
    let order = placed(&mut client, &[(festival, 5), (tribune, 2)]).await;
    end(&mut client, order, 900).await;
    take_all(&mut client, tribune).await;
    let before = (
        counters(&client, festival).await,
        counters(&client, tribune).await,
    );
    let late = apply(&mut client, order, &report("t1", "settlement", "7000.00"), 1_000).await;
    assert_eq!(
        (late.after, late.order),
        (PaymentStatus::Success, OrderStatus::RefundDue)
    );
    assert!(
        late.messages[0].body.contains("refund_due"),
        "{}",
        late.messages[0].body
    );
    assert_eq!(live_tickets(&client, order).await, 0);
    assert_eq!(
        (
            counters(&client, festival).await,
            counters(&client, tribune).await
        ),
        before
    );

    let refunded = apply(&mut client, order, &report("t1", "refund", "7000.00"), 1_100).await;
    assert_eq!(
        (refunded.after, refunded.order),
        (PaymentStatus::Refunded, OrderStatus::Refunded)
    );
    assert_eq!(
        (
            counters(&client, festival).await,
            counters(&client, tribune).await
        ),
        before
    );
    assert_consistent(&client).await;
}

#[tokio::test]
async fn tickets_that_were_paid_right_stay_good_whatever_amount_is_told_later() {
    let (db, festival) = on_sale(100).await;
    let mut client = db.client().await;
    let order = placed(&mut client, &[(festival, 3)]).await;
    apply(&mut client, order, &report("t1", "settlement", "3000.00"), 1).await;
    for (transaction, amount) in [("t1", "1.00"), ("t2", "2999.00")] {
        let applied = apply(&mut client, order, &report(transaction, "settlement", amount), 2).await;
        assert_eq!(
            (applied.after, applied.order),
            (PaymentStatus::Success, OrderStatus::Paid)
        );
        assert_eq!(live_tickets(&client, order).await, 3);
    }
    assert_consistent(&client).await;
}

#[tokio::test]
async fn what_was_paid_twice_goes_back_once_and_leaves_the_tickets() {
    let (db, festival) = on_sale(100).await;
    let mut client = db.client().await;
    let order = placed(&mut client, &[(festival, 3)]).await;
    for transaction in ["t1", "t2"] {
        apply(
            &mut client,
            order,
            &report(transaction, "settlement", "3000.00"),
            1,
        )
        .await;
    }
    let tells = async |client: &Client| db::alerts::money(client, at(2)).await.unwrap().0.count;
    assert_eq!(tells(&client).await, 1);
    // People give the second one back on the gateway's dashboard; later the first one, too.
    let once = apply(&mut client, order, &report("t2", "refund", "3000.00"), 2).await;
    assert_eq!(
        (once.after, once.order),
        (PaymentStatus::Success, OrderStatus::Paid)
    );
    assert_eq!((live_tickets(&client, order).await, tells(&client).await), (3, 0));
    assert_consistent(&client).await;
    let all = apply(&mut client, order, &report("t1", "refund", "3000.00"), 3).await;
    assert_eq!(
        (all.after, all.order),
        (PaymentStatus::Refunded, OrderStatus::Refunded)
    );
    assert_eq!(live_tickets(&client, order).await, 0);
    assert_consistent(&client).await;
}

#[tokio::test]
async fn a_wrong_amount_or_currency_gives_no_ticket_and_keeps_no_stock() {
    let (db, festival) = on_sale(100).await;
    let mut client = db.client().await;
    let wrong = [
        ("2999.00", Some("IDR")),
        ("3000.50", Some("IDR")),
        ("3000.00", Some("USD")),
        ("", None),
    ];
    for (amount, currency) in wrong {
        let order = placed(&mut client, &[(festival, 3)]).await;
        let mut paid = report("t1", "settlement", amount);
        paid.currency = currency.map(str::to_owned);
        let applied = apply(&mut client, order, &paid, 1).await;
        assert_eq!(
            (applied.after, applied.order),
            (PaymentStatus::Conflicted, OrderStatus::Disputed)
        );
        assert_eq!(live_tickets(&client, order).await, 0);
        // Whatever is reported later, the dispute is for people to end, unless all that came in goes back.
        let is_counted = amount == "2999.00";
        for words in ["settlement", "pending", "refund"] {
            let applied = apply(&mut client, order, &report("t1", words, "3000.00"), 2).await;
            let expected = if words == "refund" && is_counted {
                (PaymentStatus::Refunded, OrderStatus::Refunded)
            } else {
                (PaymentStatus::Conflicted, OrderStatus::Disputed)
            };
            assert_eq!((applied.after, applied.order), expected, "{amount} {words}");
        }
        assert!(!end(&mut client, order, 900).await);
    }
    // A dispute takes days; its stock goes back on sale.
    assert_eq!(counters(&client, festival).await.free(), 100);
    assert_consistent(&client).await;
}

#[tokio::test]
async fn refund_and_chargeback_void_tickets_and_put_the_units_back() {
    let (db, festival) = on_sale(60).await;
    let mut client = db.client().await;
    let cases = [
        ("refund", PaymentStatus::Refunded, OrderStatus::Refunded),
        ("chargeback", PaymentStatus::Chargeback, OrderStatus::Disputed),
        ("deny", PaymentStatus::Chargeback, OrderStatus::Disputed),
    ];
    for (words, payment, order_status) in cases {
        let order = placed(&mut client, &[(festival, 40)]).await;
        apply(&mut client, order, &report("t1", "settlement", "40000.00"), 1).await;
        assert_eq!(counters(&client, festival).await.sold, 40);
        for _ in 0..2 {
            let applied = apply(&mut client, order, &report("t1", words, "40000.00"), 2).await;
            assert_eq!((applied.after, applied.order), (payment, order_status));
            let now = counters(&client, festival).await;
            assert_eq!((now.sold, now.held, now.capacity), (0, 0, 60), "{words}");
        }
        assert_eq!(live_tickets(&client, order).await, 0);
        assert_consistent(&client).await;
    }
}

#[tokio::test]
async fn part_of_the_money_back_leaves_the_tickets() {
    let (db, festival) = on_sale(60).await;
    let mut client = db.client().await;
    let order = placed(&mut client, &[(festival, 2)]).await;
    // The first that is heard of the payment may already speak of the partial refund.
    let applied = apply(&mut client, order, &report("t1", "partial_refund", "2000.00"), 1).await;
    assert_eq!(
        (applied.after, applied.order),
        (PaymentStatus::PartiallyRefunded, OrderStatus::Paid)
    );
    assert_eq!(live_tickets(&client, order).await, 2);
    assert_consistent(&client).await;
}

#[tokio::test]
async fn a_refund_heard_before_the_payment_ends_the_order() {
    let (db, festival) = on_sale(60).await;
    let mut client = db.client().await;
    for (words, expected) in [
        ("refund", OrderStatus::Refunded),
        ("chargeback", OrderStatus::Disputed),
    ] {
        let order = placed(&mut client, &[(festival, 2)]).await;
        let first = apply(&mut client, order, &report("t1", words, "2000.00"), 1).await;
        assert_eq!(first.order, expected, "{words}");
        let late = apply(&mut client, order, &report("t1", "settlement", "2000.00"), 2).await;
        assert_eq!((late.before, late.order), (late.after, expected), "{words}");
        assert_eq!(live_tickets(&client, order).await, 0);
    }
    assert_eq!(counters(&client, festival).await.free(), 60);
    assert_consistent(&client).await;
}

#[tokio::test]
async fn an_order_that_has_ended_does_not_go_back_to_waiting() {
    let (db, festival) = on_sale(60).await;
    let mut client = db.client().await;
    for words in ["pending", "authorize", "deny", "cancel", "failure"] {
        let order = placed(&mut client, &[(festival, 2)]).await;
        end(&mut client, order, 900).await;
        let late = apply(&mut client, order, &report("t1", words, "2000.00"), 901).await;
        assert_eq!(
            (late.after, late.order),
            (PaymentStatus::Expired, OrderStatus::Expired),
            "{words}"
        );
    }
    assert_consistent(&client).await;
}

#[tokio::test]
async fn an_order_without_payment_and_no_order_at_all_change_nothing() {
    let (db, festival) = on_sale(60).await;
    let mut client = db.client().await;
    let (order, _) = order_without_stock(&client, &[(festival, 1)]).await;
    let paid = report("t1", "settlement", "1000.00");
    for order in [order, OrderId::new(999_999)] {
        let tx = client.transaction().await.unwrap();
        let random = &runtime::random::hex::<16>;
        let applied = db::settlement::apply(&tx, order, &paid, "a test", random, at(1))
            .await
            .unwrap();
        assert!(applied.is_none());
        tx.commit().await.unwrap();
    }
    assert_consistent(&client).await;
}

/// The janitor ends an order at the moment its payment arrives, while others wait for its stock.
#[tokio::test]
async fn expiry_and_payment_at_the_same_moment_never_both_win() {
    const ORDERS: usize = 24;
    let (db, festival) = on_sale(ORDERS as u32 * 2).await;
    let mut client = db.client().await;
    let mut clients = connections(&db, 3).await;
    let (mut paid, mut refund_due) = (0, 0);
    for number in 0..ORDERS {
        let order = placed(&mut client, &[(festival, 2)]).await;
        // Only this order's units can come free.
        if number == 0 {
            take_all(&mut client, festival).await;
        }
        let (rival, lines) = order_without_stock(&client, &[(festival, 2)]).await;
        race(&mut clients, async |role, client| match role {
            0 => {
                apply(client, order, &report("t1", "settlement", "2000.00"), 900).await;
            }
            1 => {
                end(client, order, 900).await;
            }
            _ => {
                for _ in 0..3 {
                    let tx = client.transaction().await.unwrap();
                    let want = Want {
                        ticket_type: festival,
                        quantity: 2,
                        first_stripe: 0,
                        until: at(1_000),
                    };
                    let taken = stock::take(&tx, Owner::Order(lines[0]), want, at(900))
                        .await
                        .unwrap();
                    tx.commit().await.unwrap();
                    if taken.is_ok() {
                        break;
                    }
                }
            }
        })
        .await;
        match live_tickets(&client, order).await {
            2 => paid += 1,
            0 => refund_due += 1,
            other => panic!("{other} of 2 tickets"),
        }
        assert_consistent(&client).await;
        // The next round starts with everything taken but two units.
        let tx = client.transaction().await.unwrap();
        stock::release_order(&tx, rival).await.unwrap();
        tx.commit().await.unwrap();
        apply(&mut client, order, &report("t1", "refund", "2000.00"), 901).await;
        assert_eq!(counters(&client, festival).await.free(), 2);
    }
    println!("{paid} paid, {refund_due} to be refunded");
}

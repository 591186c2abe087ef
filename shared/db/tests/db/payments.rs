//! Orders with payments, and what the tests of settlement do with them.

use crate::support::{at, order_without_stock};
use db::settlement::{self, Applied, Report};
use db::stock::{self, Owner, Want};
use db::{Transaction, orders, payments};
use domain::order::OrderStatus;
use domain::payment::{PaymentStatus, read_status};
use domain::{OrderId, TicketTypeId};
use tokio_postgres::{Client, GenericClient};

/// An order that waits for its payment, with all its stock held.
pub async fn placed(client: &mut Client, lines: &[(TicketTypeId, u32)]) -> OrderId {
    let (order, items) = order_without_stock(client, lines).await;
    let tx = client.transaction().await.unwrap();
    for ((ticket_type, quantity), item) in lines.iter().zip(items) {
        let want = Want {
            ticket_type: *ticket_type,
            quantity: *quantity,
            first_stripe: 0,
            until: at(900),
        };
        stock::take(&tx, Owner::Order(item), want, at(0))
            .await
            .unwrap()
            .unwrap();
    }
    payments::open(&tx, order, at(30), at(0)).await.unwrap();
    tx.commit().await.unwrap();
    order
}

/// A report in the words of the gateway: `settlement`, or `capture/challenge` with the verdict of fraud detection.
pub fn report(transaction: &str, words: &str, amount: &str) -> Report {
    let (status, fraud) = words
        .split_once('/')
        .map_or((words, None), |(status, fraud)| (status, Some(fraud)));
    Report {
        transaction_id: transaction.to_owned(),
        status: read_status(status, fraud).unwrap_or_else(|| panic!("{words} is no status")),
        gross_amount: amount.to_owned(),
        currency: Some("IDR".to_owned()),
        payment_type: Some("qris".to_owned()),
        refunds: Vec::new(),
    }
}

/// Applies a report in an open transaction.
pub async fn apply_in(tx: &Transaction<'_>, order: OrderId, report: &Report, seconds: i64) -> Applied {
    settlement::apply(
        tx,
        order,
        report,
        "a test",
        &runtime::random::hex::<16>,
        at(seconds),
    )
    .await
    .unwrap()
    .expect("the order has a payment")
}

/// Applies a report.
pub async fn apply(client: &mut Client, order: OrderId, report: &Report, seconds: i64) -> Applied {
    let tx = client.transaction().await.unwrap();
    let applied = apply_in(&tx, order, report, seconds).await;
    tx.commit().await.unwrap();
    applied
}

/// Ends an order as the janitor does: unless it was paid, its stock goes back. Tells whether it ended.
pub async fn end_in(tx: &Transaction<'_>, order: OrderId, seconds: i64) -> bool {
    let locked = orders::lock(tx, order).await.unwrap().unwrap();
    if locked.status != OrderStatus::Pending {
        return false;
    }
    let payment = payments::lock_of_order(tx, order).await.unwrap().unwrap();
    if !payment.status.was_paid() && payment.status != PaymentStatus::Expired {
        let (from, to) = (payment.status, PaymentStatus::Expired);
        payments::set_status(tx, payment.id, from, to, "the time is over", at(seconds))
            .await
            .unwrap();
    }
    orders::set_status(tx, order, OrderStatus::Expired, at(seconds))
        .await
        .unwrap();
    stock::release_order(tx, order).await.unwrap();
    true
}

/// Ends an order as the janitor does.
pub async fn end(client: &mut Client, order: OrderId, seconds: i64) -> bool {
    let tx = client.transaction().await.unwrap();
    let ended = end_in(&tx, order, seconds).await;
    tx.commit().await.unwrap();
    ended
}

/// All that an order has come to: its status, its payment and the gateway's transactions, the counters of its ticket types,
/// its holds and its live tickets. What only tells how it came there (transitions, void tickets, messages, on which stripe a
/// unit is counted) is left out.
pub async fn rows(client: &impl GenericClient, order: OrderId) -> String {
    let sql = "
        select json_build_object(
            'order', (select status from orders where id = $1),
            'payment', (select json_build_array(status, settled_at is not null, paid_twice) from payments where order_id = $1),
            'books', (
                select sum(credit - debit) from ledger_entries e join ledger_postings l on l.id = e.posting_id
                join payments p on p.id = l.payment_id where order_id = $1 and account not in ('gateway', 'bank')),
            'transactions', (
                select json_agg(json_build_array(transaction_id, t.status, amount_matches, gross_amount, payment_type)
                                order by transaction_id)
                from payment_transactions t join payments p on p.id = t.payment_id where order_id = $1),
            'stock', (
                select json_agg(json_build_array(capacity, held, sold) order by ticket_type_id) from (
                    select ticket_type_id, sum(capacity) as capacity, sum(held) as held, sum(sold) as sold
                    from ticket_stock where ticket_type_id in (select ticket_type_id from order_items where order_id = $1)
                    group by 1) s),
            'holds', (
                select coalesce(sum(h.quantity), 0) from holds h join order_items i on i.id = h.order_item_id
                where order_id = $1),
            'stripes with wrong sums', (
                select count(*) from ticket_stock s
                where ticket_type_id in (select ticket_type_id from order_items where order_id = $1) and s.held <>
                    (select coalesce(sum(quantity), 0) from holds h
                     where h.ticket_type_id = s.ticket_type_id and h.stripe = s.stripe)),
            'transitions agree', (
                select bool_and(from_status = coalesce(before, 'pending') and (after is not null or to_status = status))
                from (select p.status, from_status, to_status, lag(to_status) over by_id as before,
                             lead(to_status) over by_id as after
                      from payment_transitions t join payments p on p.id = t.payment_id where order_id = $1
                      window by_id as (order by t.id)) steps),
            'tickets', (
                select json_agg(json_build_array(i.ticket_type_id, unit, t.status, holder_id) order by i.id, unit)
                from issued_tickets t join order_items i on i.id = t.order_item_id
                where order_id = $1 and t.status <> 'void')
        )::text";
    client.query_one(sql, &[&order.get()]).await.unwrap().get(0)
}

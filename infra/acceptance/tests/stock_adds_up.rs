//! After everything that the other programs did, stock, holds, tickets, orders and money must agree. Whatever is wrong is
//! told with the rows that show it.

use acceptance::{Database, Fleet, eventually};
use std::time::Duration;

/// A rule and the query for what breaks it; its first column tells the row.
type Rule = (&'static str, &'static str);

/// Each is one statement, so it sees one moment, whatever goes on meanwhile.
const RULES: [Rule; 12] = [
    (
        "no stripe has more held and sold than there is",
        "select ticket_type_id || '/' || stripe || ': ' || held || ' + ' || sold || ' of ' || capacity from ticket_stock
         where held + sold > capacity or held < 0 or sold < 0",
    ),
    (
        "the stripes of a ticket type make up its capacity",
        "select t.id || ': ' || t.capacity || ' against ' || coalesce(sum(s.capacity), 0)
         from ticket_types t left join ticket_stock s on s.ticket_type_id = t.id
         group by t.id having t.capacity <> coalesce(sum(s.capacity), 0) or t.stripes <> count(s.stripe)",
    ),
    (
        "what is held is the sum of the holds",
        "select s.ticket_type_id || '/' || s.stripe || ': ' || s.held || ' against ' || coalesce(sum(h.quantity), 0)
         from ticket_stock s left join holds h using (ticket_type_id, stripe)
         group by s.ticket_type_id, s.stripe, s.held having s.held <> coalesce(sum(h.quantity), 0)",
    ),
    (
        "what is sold is the number of tickets that are not void",
        "select s.id || ': ' || s.sold || ' against ' || coalesce(t.valid, 0)
         from (select ticket_type_id as id, sum(sold) as sold from ticket_stock group by 1) s
         left join (select ticket_type_id as id, count(*) as valid from issued_tickets where status <> 'void' group by 1) t
         using (id) where s.sold <> coalesce(t.valid, 0)",
    ),
    (
        "a paid order has one ticket for each unit, any other order has none",
        "select o.code || ' (' || o.status || '): ' || count(t.id) || ' for ' || i.quantity
         from orders o join order_items i on i.order_id = o.id
         left join issued_tickets t on t.order_item_id = i.id and t.status <> 'void'
         group by o.code, o.status, i.id, i.quantity
         having count(t.id) <> case when o.status = 'paid' then i.quantity else 0 end",
    ),
    (
        "tickets belong to the buyer of their order",
        "select t.code from issued_tickets t join order_items i on i.id = t.order_item_id join orders o on o.id = i.order_id
         where t.holder_id <> o.user_id or t.ticket_type_id <> i.ticket_type_id or t.unit > i.quantity",
    ),
    (
        "a paid order has a payment that succeeded",
        "select o.code || ': ' || coalesce(p.status, 'none') from orders o left join payments p on p.order_id = o.id
         where o.status = 'paid' and coalesce(p.status, '') not in ('success', 'partially_refunded')",
    ),
    (
        "a payment that succeeded has a paid order, or one whose money goes back",
        "select o.code || ': ' || o.status from orders o join payments p on p.order_id = o.id
         where p.status = 'success' and o.status not in ('paid', 'refund_due')",
    ),
    (
        "an order costs the sum of its lines, and that is what is charged",
        "select o.code from orders o join order_items i on i.order_id = o.id left join payments p on p.order_id = o.id
         group by o.id, p.id
         having o.subtotal <> sum(i.unit_price * i.quantity) or o.total <> o.subtotal - o.discount or p.amount <> o.total",
    ),
    (
        "nothing is held for orders that are over",
        "select o.code || ' (' || o.status || ')' from holds h join order_items i on i.id = h.order_item_id
         join orders o on o.id = i.order_id where o.status in ('paid', 'expired', 'cancelled', 'refund_due', 'refunded')",
    ),
    (
        "every step of a payment begins where the last one ended",
        "select payment_id || ': ' || from_status from (
             select payment_id, from_status, lag(to_status, 1, 'pending') over (partition by payment_id order by id) as last
             from payment_transitions) steps where from_status <> last",
    ),
    (
        "a payment stands where its last step led",
        "select p.id || ': ' || p.status || ' against ' || coalesce(t.to_status, 'pending') from payments p
         left join lateral (select to_status from payment_transitions where payment_id = p.id order by id desc limit 1) t on true
         where p.status <> coalesce(t.to_status, 'pending')",
    ),
];

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
    for (rule, sql) in RULES {
        let rows = broken(&db, sql).await;
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

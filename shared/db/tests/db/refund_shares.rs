//! What a ticket gives back is its share of everything that was charged for its line: price less promo codes, fee and tax. However
//! an order is given back in parts, together it is exactly what was paid, on every account of the books.

use crate::payments::{apply, report};
use crate::refunds::{ask, gave_back, gesture, these, tickets};
use crate::support::{another_type, assert_consistent, at, buyers, on_sale};
use db::stock::{self, Owner, Want};
use db::{cancellations, orders, payments, promos};
use domain::order::OrderStatus;
use domain::payment::PaymentStatus;
use domain::price::{Line, ServiceFee, TaxRate, price, share};
use domain::promo_code::PromoCodes;
use domain::refund::{RefundStatus, Wish};
use domain::{EventId, OrderId, Rupiah, TicketTypeId, UserId};
use testkit::{Rows, TestDb, line};
use tokio_postgres::Client;

/// An order of two events, with a promo code that takes off what does not divide, fees and taxes.
struct Sale {
    db: TestDb,
    client: Client,
    order: OrderId,
    paid: i64,
    lines: [TicketTypeId; 3],
}

impl Sale {
    async fn new() -> Self {
        let (db, festival) = on_sale(100).await;
        let (tribune, other) = (another_type(&db, 50).await, another_type(&db, 50).await);
        let event = Rows(&db).event(UserId::new(1), "Other").await;
        db.run(&format!(
            "update ticket_types set event_id = {event} where id = {other}"
        ))
        .await;
        // 7.77 % of the whole.
        Rows(&db).promo("ODD", "percent = 777").await;
        let mut client = db.client().await;
        let buyer = buyers(&client, 1).await[0];
        let with = |line: Line, fee, tax| Line {
            service_fee: ServiceFee::new(fee).unwrap(),
            tax_rate: TaxRate::new(tax).unwrap(),
            ..line
        };
        let elsewhere = Line {
            event,
            ..line(other, 99_999, 3)
        };
        let lines = [
            with(line(festival, 33_333, 3), 2_501, 1_100),
            with(line(tribune, 7_777, 2), 2_501, 1_100),
            with(elsewhere, 1_111, 333),
        ];
        let tx = client.transaction().await.unwrap();
        let codes: PromoCodes = serde_json::from_value("ODD".into()).unwrap();
        let used = promos::for_purchase(tx.client(), &codes, buyer, at(0))
            .await
            .unwrap();
        let terms: Vec<_> = used.iter().map(|stored| &stored.promo.terms).collect();
        let price = price(&lines, &terms).unwrap();
        assert!(price.discount > Rupiah::ZERO && price.fee > Rupiah::ZERO && price.tax > Rupiah::ZERO);
        let code = domain::order::code(runtime::random::bytes());
        let (order, items) = orders::insert(&tx, &code, buyer, &price, at(900), at(0))
            .await
            .unwrap();
        for (line, item) in lines.iter().zip(items) {
            let want = Want {
                ticket_type: line.ticket_type,
                quantity: line.quantity,
                first_stripe: 0,
                until: at(900),
            };
            stock::take(&tx, Owner::Order(item), want, at(0))
                .await
                .unwrap()
                .unwrap();
        }
        payments::open(&tx, order.id, at(30), at(0)).await.unwrap();
        promos::redeem(&tx, order.id, buyer, &used, &price, at(0))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let paid = price.total.get();
        let settled = report("t1", "settlement", &format!("{paid}.00"));
        let applied = apply(&mut client, order.id, &settled, 1).await;
        assert_eq!(applied.after, PaymentStatus::Success);
        assert_consistent(&client).await;
        Self {
            db,
            client,
            order: order.id,
            paid,
            lines: [festival, tribune, other],
        }
    }

    /// What each ticket is worth, in the order of their ids: its share of what its line was charged.
    async fn worths(&self) -> Vec<i64> {
        let sql = "select i.charged, i.quantity, t.unit from issued_tickets t join order_items i on i.id = t.order_item_id
            order by t.id";
        let rows = self.client.query(sql, &[]).await.unwrap();
        let worths = rows.iter().map(|row| {
            let (charged, quantity, unit): (i64, i32, i32) = (row.get(0), row.get(1), row.get(2));
            let charged = Rupiah::new(charged).unwrap();
            share(
                charged,
                u32::try_from(quantity).unwrap(),
                u32::try_from(unit).unwrap(),
            )
            .get()
        });
        worths.collect()
    }

    /// Lets the gateway tell that it gave back all that was asked of it so far.
    async fn gateway_gives(&mut self, over: bool) {
        let sql = "select key, amount from refunds where status in ('requested', 'succeeded') order by id";
        let rows = self.client.query(sql, &[]).await.unwrap();
        let given: Vec<(String, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let given: Vec<(&str, i64)> = given
            .iter()
            .map(|(key, amount)| (key.as_str(), *amount))
            .collect();
        let words = if over { "refund" } else { "partial_refund" };
        let said = gave_back(words, self.paid, &given);
        let applied = apply(&mut self.client, self.order, &said, 5).await;
        let (payment, order) = if over {
            (PaymentStatus::Refunded, OrderStatus::Refunded)
        } else {
            (PaymentStatus::PartiallyRefunded, OrderStatus::Paid)
        };
        assert_eq!((applied.after, applied.order), (payment, order));
        assert_consistent(&self.client).await;
    }

    /// What the books have on every account but the gateway's, as text.
    async fn books(&self) -> String {
        let sql = "select coalesce(string_agg(account || ' ' || coalesce(event_id, 0) || ': ' || amount, ', '), '') from (
                select account, event_id, sum(credit - debit) as amount from ledger_entries
                where account not in ('gateway', 'bank') group by 1, 2 having sum(credit - debit) <> 0 order by 1, 2) left_over";
        self.db.text(sql).await
    }

    async fn given_back(&self) -> i64 {
        self.db
            .count("select coalesce(sum(amount), 0)::bigint from refunds where status = 'succeeded'")
            .await
    }
}

#[tokio::test]
async fn ticket_by_ticket_all_of_it_goes_back_and_the_books_end_empty() {
    let mut sale = Sale::new().await;
    let all = tickets(&mut sale.client, sale.order).await;
    let worths = sale.worths().await;
    assert_eq!(all.len(), 8);
    assert_eq!(worths.iter().sum::<i64>(), sale.paid);
    // Not in the order in which the rupiah that do not divide were handed out.
    let mut left = sale.paid;
    for number in [7, 0, 4, 2, 6, 1, 3, 5] {
        let refund = ask(&mut sale.client, sale.order, &these(&all[number..=number]))
            .await
            .unwrap();
        assert_eq!(refund.amount.get(), worths[number]);
        assert_eq!(refund.status, RefundStatus::Requested);
        left -= worths[number];
        sale.gateway_gives(left == 0).await;
        assert_eq!(sale.given_back().await, sale.paid - left);
    }
    assert_eq!(sale.books().await, "");
    let sold = "select coalesce(sum(sold), 0)::bigint from ticket_stock";
    assert_eq!(sale.db.count(sold).await, 0);
}

#[tokio::test]
async fn at_once_all_of_it_goes_back_from_each_event_what_it_took() {
    let mut sale = Sale::new().await;
    let took = "select string_agg(t.event_id || ': ' || amount, ', ' order by t.event_id) from (
        select t.event_id, sum(i.charged) as amount from order_items i join ticket_types t on t.id = i.ticket_type_id
        group by 1) t";
    let took = sale.db.text(took).await;
    let refund = ask(&mut sale.client, sale.order, &Wish::default()).await.unwrap();
    assert_eq!(refund.amount.get(), sale.paid);
    let parts: Vec<String> = refund
        .parts
        .iter()
        .map(|(event, amount)| format!("{event}: {}", amount.get()))
        .collect();
    assert_eq!(parts.join(", "), took);
    sale.gateway_gives(true).await;
    assert_eq!(sale.given_back().await, sale.paid);
    assert_eq!(sale.books().await, "");
}

#[tokio::test]
async fn after_a_ticket_and_a_gesture_the_rest_goes_back_to_the_rupiah() {
    let mut sale = Sale::new().await;
    let all = tickets(&mut sale.client, sale.order).await;
    let worths = sale.worths().await;
    let first = ask(&mut sale.client, sale.order, &these(&all[1..2]))
        .await
        .unwrap();
    assert_eq!(first.amount.get(), worths[1]);
    sale.gateway_gives(false).await;
    ask(&mut sale.client, sale.order, &gesture(10_007)).await.unwrap();
    sale.gateway_gives(false).await;
    let rest = ask(&mut sale.client, sale.order, &Wish::default()).await.unwrap();
    assert_eq!(rest.amount.get(), sale.paid - worths[1] - 10_007);
    sale.gateway_gives(true).await;
    assert_eq!(sale.books().await, "");
}

#[tokio::test]
async fn a_cancelled_event_gives_back_its_share_and_the_other_keeps_its_own() {
    let mut sale = Sale::new().await;
    let event = EventId::new(1);
    let others = format!(
        "select charged from order_items where ticket_type_id = {}",
        sale.lines[2]
    );
    let others = sale.db.count(&others).await;
    sale.db
        .run("update events set status = 'cancelled' where id = 1")
        .await;
    let tx = sale.client.transaction().await.unwrap();
    cancellations::start(&tx, event, UserId::new(1), at(10))
        .await
        .unwrap();
    let random = runtime::random::hex::<16>;
    assert!(
        cancellations::work_off(&tx, event, sale.order, &random, at(20))
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    sale.gateway_gives(false).await;
    assert_eq!(sale.given_back().await, sale.paid - others);
    let rest = ask(&mut sale.client, sale.order, &Wish::default()).await.unwrap();
    assert_eq!(rest.amount.get(), others);
    sale.gateway_gives(true).await;
    assert_eq!(sale.books().await, "");
}

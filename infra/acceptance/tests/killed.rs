//! Processes are killed in the middle of what they do, and others go on. The calling off of an event is worked off by the janitor,
//! its money is given back by the worker; both die several times, and everybody gets their money once.

use acceptance::{Buyer, Database, Event, Fleet, Organizer, TicketTerms, eventually};
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(180);
const PRICE: i64 = 90_000;
const BUYERS: usize = 4;
const ORDERS_EACH: usize = 6;
const ORDERS: usize = BUYERS * ORDERS_EACH;

struct Sale {
    fleet: Fleet,
    db: Database,
    organizer: Organizer,
    event: Event,
    ticket: i64,
    /// Codes and tickets of the paid orders, in the order in which they are worked off.
    orders: Vec<(String, i64)>,
}

impl Sale {
    async fn new() -> Self {
        let fleet = Fleet::running();
        let organizer = Organizer::demo(&fleet).await;
        let event = organizer.event("Killed").await;
        let terms = TicketTerms {
            price: PRICE,
            quantity: 100,
        };
        let mut sale = Self {
            db: fleet.database().await,
            ticket: event.sell(terms).await,
            organizer,
            event,
            orders: Vec::new(),
            fleet,
        };
        for buyer in Buyer::crowd(&sale.fleet, BUYERS).await {
            for number in 0..ORDERS_EACH {
                let quantity = 1 + i64::try_from(number).unwrap() % 3;
                let order = buyer.order_to_pay(sale.ticket, quantity).await;
                sale.fleet.midtrans().attempt(&order, "gopay", "settlement").await;
                sale.orders.push((order, quantity));
            }
        }
        let paid = "select count(*) from orders o join order_items i on i.order_id = o.id
            where i.ticket_type_id = $1 and o.status = 'paid'";
        eventually("all orders are paid", PATIENCE, async || {
            let paid = sale.db.number(paid, &[&sale.ticket]).await;
            (paid == i64::try_from(ORDERS).unwrap()).then_some(())
        })
        .await;
        sale
    }

    async fn progress(&self) -> Value {
        let path = format!("/events/{}/cancellation", self.event.id);
        self.organizer.api.get(&path).await.data(200)
    }

    /// Locks a row by a connection of its own, until that is closed.
    async fn lock(&self, sql: &str, id: i64) -> Database {
        let gate = self.fleet.database().await;
        gate.run("begin", &[]).await;
        gate.rows(sql, &[&id]).await;
        gate
    }

    /// Lets the janitor run into a lock of this test and kills it there, between two orders or in the middle of one. Exactly the
    /// first `done` orders are worked off then, and nothing of the next.
    async fn kill_janitor_at(&self, gate: &Database, done: usize) {
        let me = gate.number("select pg_backend_pid()::bigint", &[]).await;
        let fleet = self.fleet.clone();
        let running = tokio::spawn(async move { fleet.try_invoke("janitor", &json!({})).await });
        let waits =
            "select count(*) from pg_stat_activity where $1::bigint = any(pg_blocking_pids(pid)::bigint[])";
        eventually("the janitor waits for the lock", PATIENCE, async || {
            (self.db.number(waits, &[&me]).await > 0).then_some(())
        })
        .await;
        assert!(self.fleet.kill("janitor") > 0, "no janitor to kill");
        let ended = running.await.unwrap();
        assert!(ended.is_err(), "it was killed, but it says {ended:?}");

        let progress = self.progress().await;
        assert_eq!(progress["waiting"], ORDERS - done, "{progress}");
        assert!(progress["finishedAt"].is_null(), "{progress}");
        let refunds = "select count(*) from refunds where event_id = $1";
        assert_eq!(
            self.db.number(refunds, &[&self.event.id]).await,
            i64::try_from(done).unwrap()
        );
        for (place, (order, quantity)) in self.orders.iter().enumerate() {
            let left = if place < done { 0 } else { *quantity };
            assert_eq!(self.db.tickets(order).await, left, "order {place} of {done}");
        }
    }

    async fn id_of(&self, place: usize) -> i64 {
        let sql = "select id from orders where code = $1";
        self.db.number(sql, &[&self.orders[place].0]).await
    }

    /// Refunds of the event that the gateway made.
    async fn made(&self) -> i64 {
        let sql = "select count(*) from refunds where event_id = $1 and status = 'succeeded'";
        self.db.number(sql, &[&self.event.id]).await
    }
}

#[tokio::test]
async fn whoever_is_killed_while_an_event_is_called_off_everybody_gets_their_money_once() {
    let sale = Sale::new().await;
    let cancel = format!("/events/{}/cancel", sale.event.id);
    let order_row = "select 1 from orders where id = $1 for update";
    let stock_rows = "select 1 from ticket_stock where ticket_type_id = $1 for update";

    // Between two orders. Each lock is taken before the one before is given up, as the schedule does not wait for this test.
    let gate = sale.lock(order_row, sale.id_of(7).await).await;
    let cancelled = sale.organizer.api.post(&cancel, &json!({})).await;
    assert_eq!(cancelled.data(200)["status"], "cancelled");
    sale.kill_janitor_at(&gate, 7).await;
    // In the middle of an order: its refund is written, its tickets are void, and they are about to go back on sale.
    let next = sale.lock(stock_rows, sale.ticket).await;
    drop(gate);
    sale.kill_janitor_at(&next, 7).await;
    let gate = sale.lock(order_row, sale.id_of(15).await).await;
    drop(next);
    sale.kill_janitor_at(&gate, 15).await;
    let next = sale.lock(stock_rows, sale.ticket).await;
    drop(gate);
    sale.kill_janitor_at(&next, 15).await;
    drop(next);

    // Now it gets to the end, and the worker dies while it gives back.
    let slowly = json!({"core": {"operation": "refund", "delay_ms": 200}});
    let faults = sale.fleet.midtrans().faults(slowly).await;
    let nothing = json!({});
    tokio::join!(
        sale.fleet.invoke("janitor", &nothing),
        sale.fleet.invoke("janitor", &nothing)
    );
    let progress = sale.progress().await;
    assert_eq!(progress["waiting"], 0, "{progress}");
    assert!(progress["finishedAt"].is_string(), "{progress}");
    for made in [2, 6, 10] {
        // The process before may just have been killed, and the next one not be there yet.
        eventually(
            "some refunds are made and a worker is killed",
            PATIENCE,
            async || {
                sale.again().await;
                (sale.made().await >= made && sale.fleet.kill("payment-worker") > 0).then_some(())
            },
        )
        .await;
    }
    faults.end().await;
    let all = i64::try_from(ORDERS).unwrap();
    eventually("all refunds are made", PATIENCE, async || {
        sale.again().await;
        (sale.made().await == all).then_some(())
    })
    .await;

    let mut sum = 0;
    for (order, quantity) in &sale.orders {
        let known = sale.fleet.midtrans().order(order).await;
        let transactions = known["transactions"].as_array().unwrap();
        let refunds = transactions
            .iter()
            .flat_map(|transaction| transaction["refunds"].as_array().cloned().unwrap_or_default());
        let amounts: Vec<String> = refunds
            .map(|refund| refund["refund_amount"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(amounts, [format!("{}.00", quantity * PRICE)], "{order}: {known}");
        assert_eq!(
            (sale.db.order(order).await.as_str(), sale.db.tickets(order).await),
            ("refunded", 0)
        );
        sum += quantity * PRICE;
    }
    let progress = sale.progress().await;
    assert_eq!(progress["refunded"], json!({"orders": ORDERS, "amount": sum}));
    let stock = sale.db.stock(sale.ticket).await;
    assert_eq!((stock.held, stock.sold), (0, 0));
    let broken = sale.db.broken_rules().await;
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

impl Sale {
    /// Has what was interrupted tried again now rather than in its time.
    async fn again(&self) {
        let due = "update refunds set next_try_at = now() where event_id = $1 and status = 'requested'
            and updated_at < now() - interval '5 seconds'";
        if self.db.run(due, &[&self.event.id]).await > 0 {
            self.fleet.invoke("janitor", &json!({})).await;
        }
    }
}

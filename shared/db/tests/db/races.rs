//! Many connections fight for few units: nothing is sold twice, nothing stays unsold, nobody waits for ever.

use crate::support::{
    Dice, LATER, another_type, assert_stock_consistent, at, cart_rows, connections, counters, on_sale,
    order_without_stock, race, sqlstate,
};
use db::DbError;
use db::stock::{self, Owner, Want};
use domain::cart::StockError;
use domain::ticket::Capacity;
use domain::{CartItemId, OrderId, OrderItemId, TicketTypeId};
use std::collections::BTreeMap;
use std::sync::Mutex;
use testkit::TestDb;
use tokio_postgres::Client;

/// Parallel connections of a race.
const CONNECTIONS: usize = 64;

fn want(ticket_type: TicketTypeId, quantity: u32, first_stripe: u32) -> Want {
    Want {
        ticket_type,
        quantity,
        first_stripe,
        until: at(LATER),
    }
}

#[tokio::test]
async fn two_hundred_buyers_get_twenty_units() {
    let (db, ticket_type) = on_sale(20).await;
    let client = db.client().await;
    let waiting = Mutex::new(cart_rows(&client, ticket_type, 200).await);
    let mut clients = connections(&db, CONNECTIONS).await;
    let answers = race(&mut clients, async |_, client| {
        let mut answers = Vec::new();
        loop {
            let Some(item) = waiting.lock().unwrap().pop() else {
                return answers;
            };
            let tx = client.transaction().await.unwrap();
            answers.push(
                stock::take(&tx, Owner::Cart(item), want(ticket_type, 1, 0), at(0))
                    .await
                    .unwrap(),
            );
            tx.commit().await.unwrap();
        }
    });
    let answers: Vec<_> = answers.await.into_iter().flatten().collect();
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 20);
    let held = StockError::HeldByOthers {
        left: 0,
        retry_at: Some(at(LATER)),
    };
    assert_eq!(answers.iter().filter(|answer| **answer == Err(held)).count(), 180);
    assert_eq!(counters(&client, ticket_type).await.held, 20);
    assert_stock_consistent(&client).await;
}

/// Buys random quantities until a single unit is refused. Nobody gives back, so after each refusal fewer units must be free
/// than were wanted, and no more than the refusal says.
async fn buy_until_refused(
    client: &mut Client,
    ticket_type: TicketTypeId,
    owner: Owner,
    number: usize,
) -> u32 {
    let mut dice = Dice::new(number);
    let (mut bought, mut most) = (0, 5);
    loop {
        let quantity = 1 + dice.below(most);
        let tx = client.transaction().await.unwrap();
        let wanted = want(ticket_type, quantity, dice.below(64));
        match stock::take(&tx, owner, wanted, at(0))
            .await
            .expect("a taker neither fails nor deadlocks")
        {
            Ok(()) => {
                tx.commit().await.unwrap();
                bought += quantity;
            }
            Err(StockError::WaitedFor) => panic!("nobody waits"),
            Err(StockError::SoldOut { left } | StockError::HeldByOthers { left, .. }) => {
                let free = counters(tx.client(), ticket_type).await.free();
                tx.commit().await.unwrap();
                assert!(free <= i64::from(left), "{free} free, {left} said to be");
                assert!(left < quantity, "{left} free, {quantity} refused");
                if quantity == 1 {
                    return bought;
                }
                most = quantity - 1;
            }
        }
    }
}

#[tokio::test]
async fn two_thousand_units_on_64_stripes_sell_to_the_last() {
    let (db, ticket_type) = on_sale(2_000).await;
    let client = db.client().await;
    let items = cart_rows(&client, ticket_type, CONNECTIONS).await;
    let mut clients = connections(&db, CONNECTIONS).await;
    let bought: u32 = race(&mut clients, async |number, client| {
        buy_until_refused(client, ticket_type, Owner::Cart(items[number]), number).await
    })
    .await
    .into_iter()
    .sum();
    assert_eq!(bought, 2_000);
    assert_eq!(counters(&client, ticket_type).await.held, 2_000);
    assert_stock_consistent(&client).await;
}

/// What one buyer of the mixed race works with: a cart row and an order line for each of the ticket types.
struct Buyer {
    carts: Vec<CartItemId>,
    order: OrderId,
    lines: Vec<OrderItemId>,
}

/// One random transaction, of all kinds that lock stock. Every fourth hold has expired when it is made, so that sweeps,
/// takers and owners meet at the same holds.
async fn act(
    client: &mut Client,
    dice: &mut Dice,
    types: &[TicketTypeId],
    buyer: &Buyer,
) -> Result<&'static str, DbError> {
    let pick = dice.below(3) as usize;
    let (ticket_type, cart, line) = (types[pick], buyer.carts[pick], buyer.lines[pick]);
    let until = if dice.below(4) == 0 { at(-1) } else { at(LATER) };
    let quantity = 1 + dice.below(4);
    let tx = client.transaction().await?;
    let done = match dice.below(12) {
        0..=4 => {
            let wanted = Want {
                until,
                ..want(ticket_type, quantity, dice.below(32))
            };
            match stock::take(&tx, Owner::Cart(cart), wanted, at(0)).await? {
                Ok(()) => "take",
                Err(_) => "refusal",
            }
        }
        5 => {
            stock::release_cart_item(&tx, cart).await?;
            "release"
        }
        6 => {
            let held = stock::lock_cart_holds(&tx, cart).await?;
            if held < quantity {
                let wanted = want(ticket_type, quantity - held, dice.below(32));
                let _ = stock::take(&tx, Owner::Cart(cart), wanted, at(0)).await?;
            } else {
                stock::reduce_cart(&tx, cart, held - quantity).await?;
            }
            "change"
        }
        7 | 8 => {
            // As checkout does: first the holds, then row by row in the order of the ticket types.
            let mut held = Vec::new();
            for cart in &buyer.carts {
                held.push(stock::lock_cart_holds(&tx, *cart).await?);
            }
            for (((ticket_type, cart), line), held) in
                types.iter().zip(&buyer.carts).zip(&buyer.lines).zip(held)
            {
                stock::move_to_order(&tx, *cart, *line, at(LATER)).await?;
                if held < quantity {
                    let wanted = want(*ticket_type, quantity - held, dice.below(32));
                    if stock::take(&tx, Owner::Order(*line), wanted, at(0))
                        .await?
                        .is_err()
                    {
                        tx.rollback().await?;
                        return Ok("failed checkout");
                    }
                }
            }
            "checkout"
        }
        9 => {
            stock::lock_order_holds(&tx, line).await?;
            if dice.below(8) == 0 {
                stock::sell(&tx, buyer.order).await?;
            } else {
                stock::release_order(&tx, buyer.order).await?;
            }
            "end of order"
        }
        10 => {
            stock::release_expired_carts(&tx, at(0), 5).await?;
            "sweep"
        }
        _ => {
            let left = Capacity::new(dice.below(60)).unwrap();
            stock::set_left(&tx, ticket_type, left).await?;
            "change of capacity"
        }
    };
    tx.commit().await?;
    Ok(done)
}

#[tokio::test]
async fn takers_and_givers_of_all_kinds_never_deadlock() {
    const ROUNDS: usize = 50;
    let (db, many) = on_sale(800).await;
    let types = [many, another_type(&db, 60).await, another_type(&db, 20).await];
    let client = db.client().await;
    let mut buyers = Vec::new();
    for _ in 0..CONNECTIONS {
        let lines = types.map(|ticket_type| (ticket_type, 1));
        let (order, lines) = order_without_stock(&client, &lines).await;
        buyers.push(Buyer {
            carts: Vec::new(),
            order,
            lines,
        });
    }
    for ticket_type in types {
        for (buyer, cart) in buyers
            .iter_mut()
            .zip(cart_rows(&client, ticket_type, CONNECTIONS).await)
        {
            buyer.carts.push(cart);
        }
    }
    let mut clients = connections(&db, CONNECTIONS).await;
    let done = race(&mut clients, async |number, client| {
        let mut dice = Dice::new(number);
        let mut done = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            match act(client, &mut dice, &types, &buyers[number]).await {
                Ok(what) => done.push(what.to_owned()),
                Err(error) => done.push(format!("error {}", sqlstate(&error))),
            }
        }
        done
    });
    let mut counts = BTreeMap::new();
    for what in done.await.into_iter().flatten() {
        *counts.entry(what).or_insert(0) += 1;
    }
    println!("{counts:?}");
    assert_eq!(counts.values().sum::<usize>(), CONNECTIONS * ROUNDS);
    assert!(counts.keys().all(|what| !what.starts_with("error")), "{counts:?}");
    assert_stock_consistent(&client).await;
}

#[tokio::test]
async fn expired_holds_go_to_exactly_as_many_takers_as_they_have_units() {
    let (db, ticket_type) = on_sale(100).await;
    let client = db.client().await;
    let expired = cart_rows(&client, ticket_type, 20).await;
    let items = cart_rows(&client, ticket_type, CONNECTIONS).await;
    let mut clients = connections(&db, CONNECTIONS).await;
    for item in &expired {
        let tx = clients[0].transaction().await.unwrap();
        let wanted = Want {
            until: at(-1),
            ..want(ticket_type, 5, 0)
        };
        stock::take(&tx, Owner::Cart(*item), wanted, at(-60))
            .await
            .unwrap()
            .unwrap();
        tx.commit().await.unwrap();
    }
    // Takers of two units each while others sweep: 100 units make 50 of them happy.
    let taken: Vec<bool> = race(&mut clients, async |number, client| {
        if number % 8 == 7 {
            let tx = client.transaction().await.unwrap();
            stock::release_expired_carts(&tx, at(0), 3).await.unwrap();
            tx.commit().await.unwrap();
            return false;
        }
        let tx = client.transaction().await.unwrap();
        let wanted = want(ticket_type, 2, Dice::new(number).below(4));
        let taken = stock::take(&tx, Owner::Cart(items[number]), wanted, at(0))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        taken.is_ok()
    })
    .await;
    let first_wave = taken.iter().filter(|taken| **taken).count();
    // A taker skips what a sweep has in its hands, so a few may have been refused for a moment. They come again.
    let mut second_wave = 0;
    for item in &items {
        let tx = clients[0].transaction().await.unwrap();
        let wanted = want(ticket_type, 2, 0);
        second_wave += usize::from(
            stock::take(&tx, Owner::Cart(*item), wanted, at(0))
                .await
                .unwrap()
                .is_ok(),
        );
        tx.commit().await.unwrap();
    }
    assert_eq!(first_wave + second_wave, 50);
    let sql = "select count(*) from holds where expires_at <= $1";
    let left: i64 = client.query_one(sql, &[&at(0).inner()]).await.unwrap().get(0);
    assert_eq!(left, 0);
    assert_eq!(counters(&client, ticket_type).await.held, 100);
    assert_stock_consistent(&client).await;
}

#[tokio::test]
async fn a_change_of_capacity_during_the_rush_neither_oversells_nor_loses_units() {
    let (db, ticket_type) = on_sale(400).await;
    let client = db.client().await;
    let items = cart_rows(&client, ticket_type, CONNECTIONS).await;
    let mut clients = connections(&db, CONNECTIONS).await;
    let bought: u32 = race(&mut clients, async |number, client| {
        let mut dice = Dice::new(number);
        let mut bought = 0;
        for _ in 0..20 {
            let tx = client.transaction().await.unwrap();
            if number == 0 {
                // With the stripes locked, exactly what was asked for is left.
                let left = dice.below(300);
                let capacity = stock::set_left(&tx, ticket_type, Capacity::new(left).unwrap())
                    .await
                    .unwrap()
                    .unwrap();
                let now = counters(tx.client(), ticket_type).await;
                assert_eq!(
                    (now.free(), now.capacity),
                    (i64::from(left), i64::from(capacity.get()))
                );
            } else {
                let quantity = 1 + dice.below(5);
                let wanted = want(ticket_type, quantity, dice.below(16));
                if stock::take(&tx, Owner::Cart(items[number]), wanted, at(0))
                    .await
                    .unwrap()
                    .is_ok()
                {
                    bought += quantity;
                }
            }
            tx.commit().await.unwrap();
        }
        bought
    })
    .await
    .into_iter()
    .sum();
    assert_eq!(counters(&client, ticket_type).await.held, i64::from(bought));
    assert_stock_consistent(&client).await;
}

/// Look, compare, write: what `TAKE_SQL` must never become.
async fn take_unguarded(
    client: &mut Client,
    ticket_type: TicketTypeId,
) -> Result<bool, tokio_postgres::Error> {
    let tx = client.transaction().await?;
    let look = "select capacity - held - sold from ticket_stock where ticket_type_id = $1 and stripe = 0";
    let free: i32 = tx.query_one(look, &[&ticket_type.get()]).await?.get(0);
    if free < 1 {
        return Ok(false);
    }
    let write = "update ticket_stock set held = held + 1 where ticket_type_id = $1 and stripe = 0";
    tx.execute(write, &[&ticket_type.get()]).await?;
    tx.commit().await?;
    Ok(true)
}

async fn race_unguarded(db: &TestDb, ticket_type: TicketTypeId) -> (usize, usize) {
    let mut clients = connections(db, CONNECTIONS).await;
    let answers = race(&mut clients, async |_, client| {
        let mut answers = (0, 0);
        for _ in 0..3 {
            match take_unguarded(client, ticket_type).await {
                Ok(taken) => answers.0 += usize::from(taken),
                Err(_) => answers.1 += 1,
            }
        }
        answers
    });
    let answers = answers.await;
    (
        answers.iter().map(|(taken, _)| taken).sum(),
        answers.iter().map(|(_, refused)| refused).sum(),
    )
}

/// The negative control of the races above: without the guard and without the check of the schema the same crowd gets more
/// than there is. With the check alone it does not.
#[tokio::test]
async fn without_guard_and_check_the_same_race_oversells() {
    let (db, ticket_type) = on_sale(20).await;
    let (taken, refused) = race_unguarded(&db, ticket_type).await;
    assert_eq!(taken, 20);
    assert!(
        refused > 0,
        "the crowd never met the check, so the race is no race"
    );

    let client = db.client().await;
    client
        .batch_execute(
            "update ticket_stock set held = 0; do $$ declare name text; begin
                 for name in select conname from pg_constraint where conrelid = 'ticket_stock'::regclass and contype = 'c'
                 loop execute format('alter table ticket_stock drop constraint %I', name); end loop;
             end $$",
        )
        .await
        .unwrap();
    let (taken, refused) = race_unguarded(&db, ticket_type).await;
    assert_eq!(refused, 0);
    assert!(taken > 20, "{taken} of 20 units taken");
    assert_eq!(
        counters(&client, ticket_type).await.held,
        i64::try_from(taken).unwrap()
    );
}

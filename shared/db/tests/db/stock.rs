//! Taking, keeping, giving back and selling stock, step by step.

use crate::support::{
    Counters, LATER, another_type, assert_stock_consistent, at, cart_rows, counters, on_sale,
    order_without_stock,
};
use db::stock::{self, Owner, Want};
use domain::cart::StockError;
use domain::ticket::Capacity;
use domain::{CartItemId, TicketTypeId};
use tokio_postgres::Client;

fn want(ticket_type: TicketTypeId, quantity: u32, first_stripe: u32) -> Want {
    Want {
        ticket_type,
        quantity,
        first_stripe,
        until: at(LATER),
    }
}

async fn take(client: &mut Client, owner: Owner, want: Want, seconds: i64) -> Result<(), StockError> {
    let tx = client.transaction().await.unwrap();
    let taken = stock::take(&tx, owner, want, at(seconds)).await.unwrap();
    tx.commit().await.unwrap();
    taken
}

async fn shares(client: &Client, item: CartItemId) -> Vec<(i32, i32)> {
    let sql = "select stripe, quantity from holds where cart_item_id = $1 order by stripe";
    let rows = client.query(sql, &[&item.get()]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn a_quantity_comes_whole_from_the_wanted_stripe() {
    let (db, ticket_type) = on_sale(100).await;
    let mut client = db.client().await;
    let item = cart_rows(&client, ticket_type, 1).await[0];
    take(&mut client, Owner::Cart(item), want(ticket_type, 5, 2), 0)
        .await
        .unwrap();
    assert_eq!(shares(&client, item).await, [(2, 5)]);
    assert_stock_consistent(&client).await;
}

#[tokio::test]
async fn a_quantity_that_no_stripe_has_spans_stripes() {
    let (db, ticket_type) = on_sale(100).await;
    let mut client = db.client().await;
    let items = cart_rows(&client, ticket_type, 2).await;
    take(&mut client, Owner::Cart(items[0]), want(ticket_type, 60, 0), 0)
        .await
        .unwrap();
    assert_eq!(shares(&client, items[0]).await, [(0, 25), (1, 25), (2, 10)]);
    take(&mut client, Owner::Cart(items[1]), want(ticket_type, 40, 0), 0)
        .await
        .unwrap();
    assert_eq!(shares(&client, items[1]).await, [(2, 15), (3, 25)]);
    assert_stock_consistent(&client).await;
}

#[tokio::test]
async fn a_refusal_says_what_is_left_and_takes_nothing() {
    let (db, ticket_type) = on_sale(100).await;
    let mut client = db.client().await;
    let items = cart_rows(&client, ticket_type, 2).await;
    let refused = take(&mut client, Owner::Cart(items[0]), want(ticket_type, 101, 0), 0).await;
    assert_eq!(refused, Err(StockError::SoldOut { left: 100 }));
    take(&mut client, Owner::Cart(items[0]), want(ticket_type, 97, 3), 0)
        .await
        .unwrap();
    let refused = take(&mut client, Owner::Cart(items[1]), want(ticket_type, 4, 0), 0).await;
    assert_eq!(
        refused,
        Err(StockError::HeldByOthers {
            left: 3,
            retry_at: Some(at(LATER))
        })
    );
    assert_eq!(
        counters(&client, ticket_type).await,
        Counters {
            capacity: 100,
            held: 97,
            sold: 0
        }
    );
    assert_stock_consistent(&client).await;
}

/// The crowd that comes too late must not queue for locks.
#[tokio::test]
async fn a_refusal_waits_for_nobody_and_locks_nothing() {
    let (db, ticket_type) = on_sale(100).await;
    let (mut client, mut holder, mut other) = (db.client().await, db.client().await, db.client().await);
    let items = cart_rows(&client, ticket_type, 2).await;
    take(&mut client, Owner::Cart(items[0]), want(ticket_type, 98, 0), 0)
        .await
        .unwrap();
    let locking = holder.transaction().await.unwrap();
    locking
        .execute("select 1 from ticket_stock for update", &[])
        .await
        .unwrap();
    let refused = StockError::HeldByOthers {
        left: 2,
        retry_at: Some(at(LATER)),
    };
    let tx = client.transaction().await.unwrap();
    for stripe in 0..4 {
        let wanted = want(ticket_type, 3, stripe);
        assert_eq!(
            stock::take(&tx, Owner::Cart(items[1]), wanted, at(0))
                .await
                .unwrap(),
            Err(refused)
        );
    }
    locking.rollback().await.unwrap();
    // While the refused transaction is still open, others take what is left.
    let item = cart_rows(&other, ticket_type, 1).await[0];
    take(&mut other, Owner::Cart(item), want(ticket_type, 2, 0), 0)
        .await
        .unwrap();
    tx.rollback().await.unwrap();
}

#[tokio::test]
async fn expired_holds_count_as_left_even_if_they_are_too_few() {
    let (db, ticket_type) = on_sale(100).await;
    let mut client = db.client().await;
    let items = cart_rows(&client, ticket_type, 2).await;
    take(&mut client, Owner::Cart(items[0]), want(ticket_type, 90, 0), 0)
        .await
        .unwrap();
    let refused = take(
        &mut client,
        Owner::Cart(items[1]),
        want(ticket_type, 101, 0),
        LATER,
    )
    .await;
    assert_eq!(refused, Err(StockError::SoldOut { left: 100 }));
    assert_eq!(counters(&client, ticket_type).await.held, 90);
}

#[tokio::test]
async fn a_ticket_type_that_does_not_exist_is_sold_out() {
    let (db, ticket_type) = on_sale(10).await;
    let mut client = db.client().await;
    let item = cart_rows(&client, ticket_type, 1).await[0];
    let refused = take(
        &mut client,
        Owner::Cart(item),
        want(TicketTypeId::new(999), 1, 0),
        0,
    )
    .await;
    assert_eq!(refused, Err(StockError::SoldOut { left: 0 }));
}

#[tokio::test]
async fn a_stripe_number_beyond_the_last_is_no_obstacle() {
    let (db, ticket_type) = on_sale(10).await;
    let mut client = db.client().await;
    let item = cart_rows(&client, ticket_type, 1).await[0];
    take(&mut client, Owner::Cart(item), want(ticket_type, 10, 31), 0)
        .await
        .unwrap();
    assert_eq!(shares(&client, item).await, [(0, 10)]);
}

#[tokio::test]
async fn expired_holds_of_carts_are_taken_over_but_no_others() {
    let (db, ticket_type) = on_sale(100).await;
    let mut client = db.client().await;
    let items = cart_rows(&client, ticket_type, 3).await;
    let (_, lines) = order_without_stock(&client, &[(ticket_type, 10)]).await;
    take(&mut client, Owner::Cart(items[0]), want(ticket_type, 60, 0), 0)
        .await
        .unwrap();
    let longer = Want {
        until: at(LATER + 60),
        ..want(ticket_type, 30, 0)
    };
    take(&mut client, Owner::Cart(items[1]), longer, 0).await.unwrap();
    take(&mut client, Owner::Order(lines[0]), want(ticket_type, 10, 0), 0)
        .await
        .unwrap();

    let refused = take(
        &mut client,
        Owner::Cart(items[2]),
        want(ticket_type, 1, 0),
        LATER - 1,
    )
    .await;
    assert_eq!(
        refused,
        Err(StockError::HeldByOthers {
            left: 0,
            retry_at: Some(at(LATER))
        })
    );
    // At the very second of its end the first cart's hold is over; the order's, as old, is not for takers to end.
    let refused = take(
        &mut client,
        Owner::Cart(items[2]),
        want(ticket_type, 61, 0),
        LATER,
    )
    .await;
    assert_eq!(
        refused,
        Err(StockError::HeldByOthers {
            left: 60,
            retry_at: Some(at(LATER + 60))
        })
    );
    take(
        &mut client,
        Owner::Cart(items[2]),
        want(ticket_type, 60, 0),
        LATER,
    )
    .await
    .unwrap();
    assert!(shares(&client, items[0]).await.is_empty());
    assert_eq!(
        counters(&client, ticket_type).await,
        Counters {
            capacity: 100,
            held: 100,
            sold: 0
        }
    );
    assert_stock_consistent(&client).await;
}

#[tokio::test]
async fn the_sweep_gives_back_what_expired_in_portions() {
    let (db, ticket_type) = on_sale(1_000).await;
    let mut client = db.client().await;
    let items = cart_rows(&client, ticket_type, 40).await;
    let (_, lines) = order_without_stock(&client, &[(ticket_type, 3)]).await;
    for (number, item) in items.iter().enumerate() {
        let until = at(i64::try_from(number).unwrap());
        let wanted = Want {
            until,
            ..want(ticket_type, 2, 0)
        };
        take(&mut client, Owner::Cart(*item), wanted, 0).await.unwrap();
    }
    take(&mut client, Owner::Order(lines[0]), want(ticket_type, 3, 0), 0)
        .await
        .unwrap();

    let held = async |client: &Client| counters(client, ticket_type).await.held;
    let tx = client.transaction().await.unwrap();
    assert!(stock::release_expired_carts(&tx, at(29), 10).await.unwrap() > 0);
    tx.commit().await.unwrap();
    assert_eq!(held(&client).await, 83 - 20);
    let tx = client.transaction().await.unwrap();
    while stock::release_expired_carts(&tx, at(29), 10).await.unwrap() > 0 {}
    tx.commit().await.unwrap();
    assert_eq!(held(&client).await, 83 - 60);
    assert!(shares(&client, items[29]).await.is_empty());
    assert_eq!(shares(&client, items[30]).await.len(), 1);
    assert_stock_consistent(&client).await;
}

#[tokio::test]
async fn a_cart_is_reduced_hold_by_hold() {
    let (db, ticket_type) = on_sale(100).await;
    let mut client = db.client().await;
    let items = cart_rows(&client, ticket_type, 2).await;
    for (item, first_stripe) in [(items[0], 0), (items[1], 1), (items[0], 3)] {
        take(
            &mut client,
            Owner::Cart(item),
            want(ticket_type, 10, first_stripe),
            0,
        )
        .await
        .unwrap();
    }
    for (by, left) in [(0, 20), (4, 16), (7, 9), (8, 1), (1, 0)] {
        let tx = client.transaction().await.unwrap();
        stock::reduce_cart(&tx, items[0], by).await.unwrap();
        assert_eq!(stock::lock_cart_holds(&tx, items[0]).await.unwrap(), left);
        tx.commit().await.unwrap();
        assert_stock_consistent(&client).await;
    }
    assert_eq!(shares(&client, items[1]).await, [(1, 10)]);
    assert_eq!(counters(&client, ticket_type).await.held, 10);
}

#[tokio::test]
async fn a_hold_is_extended_handed_over_and_sold() {
    let (db, ticket_type) = on_sale(100).await;
    let other = another_type(&db, 50).await;
    let mut client = db.client().await;
    let item = cart_rows(&client, ticket_type, 1).await[0];
    let (order, lines) = order_without_stock(&client, &[(ticket_type, 30), (other, 2)]).await;
    take(&mut client, Owner::Cart(item), want(ticket_type, 30, 0), 0)
        .await
        .unwrap();
    take(&mut client, Owner::Order(lines[1]), want(other, 2, 1), 0)
        .await
        .unwrap();

    let tx = client.transaction().await.unwrap();
    stock::extend_cart(&tx, item, at(LATER + 5)).await.unwrap();
    assert_eq!(
        stock::release_expired_carts(&tx, at(LATER), 100).await.unwrap(),
        0
    );
    stock::move_to_order(&tx, item, lines[0], at(900)).await.unwrap();
    assert_eq!(stock::lock_cart_holds(&tx, item).await.unwrap(), 0);
    assert_eq!(stock::lock_order_holds(&tx, lines[0]).await.unwrap(), 30);
    assert_eq!(
        stock::release_expired_carts(&tx, at(10_000), 100).await.unwrap(),
        0
    );
    assert_eq!(stock::sell(&tx, order).await.unwrap().quantity, 32);
    assert_eq!(stock::sell(&tx, order).await.unwrap().quantity, 0);
    tx.commit().await.unwrap();
    assert_eq!(
        counters(&client, ticket_type).await,
        Counters {
            capacity: 100,
            held: 0,
            sold: 30
        }
    );
    assert_eq!(
        counters(&client, other).await,
        Counters {
            capacity: 50,
            held: 0,
            sold: 2
        }
    );
    assert_stock_consistent(&client).await;
}

#[tokio::test]
async fn what_an_order_holds_goes_back_as_a_whole() {
    let (db, ticket_type) = on_sale(100).await;
    let other = another_type(&db, 50).await;
    let mut client = db.client().await;
    let (order, lines) = order_without_stock(&client, &[(ticket_type, 60), (other, 30)]).await;
    let (_, others) = order_without_stock(&client, &[(ticket_type, 7)]).await;
    for (line, ticket_type, quantity) in [
        (lines[0], ticket_type, 60),
        (lines[1], other, 30),
        (others[0], ticket_type, 7),
    ] {
        take(&mut client, Owner::Order(line), want(ticket_type, quantity, 0), 0)
            .await
            .unwrap();
    }
    let tx = client.transaction().await.unwrap();
    stock::release_order(&tx, order).await.unwrap();
    stock::release_order(&tx, order).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(counters(&client, ticket_type).await.held, 7);
    assert_eq!(counters(&client, other).await.held, 0);
    assert_stock_consistent(&client).await;
}

#[tokio::test]
async fn what_is_left_to_sell_can_be_set_above_what_is_held_and_sold() {
    let (db, ticket_type) = on_sale(100).await;
    let mut client = db.client().await;
    let item = cart_rows(&client, ticket_type, 1).await[0];
    take(&mut client, Owner::Cart(item), want(ticket_type, 40, 0), 0)
        .await
        .unwrap();
    for (left, capacity) in [(0, 40), (7, 47), (1_000, 1_040), (60, 100)] {
        let tx = client.transaction().await.unwrap();
        let left_to_sell = Capacity::new(left).unwrap();
        let set = stock::set_left(&tx, ticket_type, left_to_sell).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(set, Capacity::new(capacity));
        assert_eq!(counters(&client, ticket_type).await.free(), i64::from(left));
        assert_stock_consistent(&client).await;
    }
    let tx = client.transaction().await.unwrap();
    let most = Capacity::new(Capacity::MAX).unwrap();
    assert_eq!(stock::set_left(&tx, ticket_type, most).await.unwrap(), None);
    tx.commit().await.unwrap();
    assert_eq!(counters(&client, ticket_type).await.capacity, 100);
}

//! Waiting lists for seats: the best ones go to the line, and nobody takes one past it.

use crate::seats::{best, choose, claim, numbers, placed, seated, states};
use crate::support::{Dice, LATER, assert_consistent, at, cart_rows, connections, race};
use crate::waiting_list::{
    MINUTES, assert_offers_kept, cart_of, code, join, line, release, serve, set_mode, statuses, sweep,
};
use db::stock::Owner;
use db::waiting_list::{self, Wish};
use domain::cart::StockError;
use domain::seating::{ChoiceError, SeatNumber};
use domain::waiting_list::Mode;
use domain::{OrderId, TicketTypeId, UserId};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use testkit::TestDb;

/// Two rows of three seats, with a waiting list: an order has each row.
async fn sold_out() -> (TestDb, TicketTypeId, [OrderId; 2]) {
    let (db, ticket_type) = seated(2, 3).await;
    let mut client = db.client().await;
    let front = placed(&mut client, ticket_type, &[1, 2, 3]).await;
    let back = placed(&mut client, ticket_type, &[4, 5, 6]).await;
    set_mode(&db, ticket_type, Mode::InOrder).await;
    (db, ticket_type, [front, back])
}

#[tokio::test]
async fn whoever_waits_gets_the_best_seats_that_come_back() {
    let (db, ticket_type, [front, back]) = sold_out().await;
    let mut client = db.client().await;
    let people = line(&mut client, ticket_type, &[2, 2]).await;
    assert_eq!(serve(&mut client, ticket_type).await, 0, "all seats are held");

    release(&mut client, front).await;
    let row = cart_rows(&client, ticket_type, 1).await[0];
    let walk_in = claim(ticket_type, Owner::Cart(row), 60 * MINUTES);
    assert_eq!(
        choose(&mut client, walk_in, &[2], 0).await,
        Err(ChoiceError::WaitedFor)
    );
    assert_eq!(
        choose(&mut client, walk_in, &[1, 3], 0).await,
        Err(ChoiceError::WaitedFor)
    );
    assert_eq!(
        choose(&mut client, walk_in, &[4], 0).await,
        Err(ChoiceError::WaitedFor)
    );
    assert_eq!(
        best(&mut client, walk_in, 1, &mut Dice::new(0)).await,
        Err(StockError::WaitedFor)
    );

    assert_eq!(serve(&mut client, ticket_type).await, 1);
    assert_eq!(statuses(&client).await, "offered waiting");
    let (item, held) = cart_of(&mut client, people[0].0, ticket_type).await.unwrap();
    assert_eq!(
        (held, item.seats, item.offered_until),
        (2, Some(numbers(&[1, 2])), Some(at(30 * MINUTES)))
    );
    assert_offers_kept(&client).await;
    assert_consistent(&client).await;

    // One is left, and the next want two: it is kept for them until the other row comes back.
    assert_eq!(states(&client, ticket_type, 0).await, "hhfhhh");
    assert_eq!(serve(&mut client, ticket_type).await, 0);
    release(&mut client, back).await;
    assert_eq!(serve(&mut client, ticket_type).await, 1);
    let (item, _) = cart_of(&mut client, people[1].0, ticket_type).await.unwrap();
    assert_eq!(item.seats, Some(numbers(&[4, 5])));

    // Nobody waits any more, so what is left is anybody's; and so is what an offer kept when its time is over.
    choose(&mut client, walk_in, &[3], 0).await.unwrap();
    assert_eq!(sweep(&mut client, 30 * MINUTES).await, 2);
    assert_eq!(statuses(&client).await, "lapsed lapsed");
    assert_eq!(states(&client, ticket_type, 30 * MINUTES).await, "ffhfff");
    assert_eq!(
        code(join(&mut client, people[0].0, ticket_type, 1).await),
        "tickets_available"
    );
    assert_consistent(&client).await;
}

#[tokio::test]
async fn whoever_has_a_seat_and_waits_for_more_gets_them_beside_it() {
    let (db, ticket_type) = seated(2, 3).await;
    let mut client = db.client().await;
    let front = placed(&mut client, ticket_type, &[1, 2, 3]).await;
    let back = placed(&mut client, ticket_type, &[5, 6]).await;
    set_mode(&db, ticket_type, Mode::InOrder).await;
    let row = cart_rows(&client, ticket_type, 1).await[0];
    choose(
        &mut client,
        claim(ticket_type, Owner::Cart(row), 60 * MINUTES),
        &[4],
        0,
    )
    .await
    .unwrap();
    db.run("update cart_items set reserved_until = '2031-01-01', seats = '{4}'")
        .await;
    let user = UserId::new(db.count("select user_id from cart_items").await);
    join(&mut client, user, ticket_type, 1).await.unwrap();
    release(&mut client, front).await;
    release(&mut client, back).await;
    assert_eq!(serve(&mut client, ticket_type).await, 1);
    let (item, held) = cart_of(&mut client, user, ticket_type).await.unwrap();
    assert_eq!((held, item.seats), (2, Some(numbers(&[4, 5]))));
    assert_offers_kept(&client).await;
    assert_consistent(&client).await;
}

#[tokio::test]
async fn what_a_cart_kept_too_long_is_for_the_line_too() {
    let (db, ticket_type, [front, _]) = sold_out().await;
    let mut client = db.client().await;
    release(&mut client, front).await;
    let rows = cart_rows(&client, ticket_type, 2).await;
    let slow = claim(ticket_type, Owner::Cart(rows[0]), 60);
    choose(&mut client, slow, &[1, 2, 3], 0).await.unwrap();
    line(&mut client, ticket_type, &[1]).await;
    let quick = claim(ticket_type, Owner::Cart(rows[1]), 120);
    for chosen in [&[2][..], &[2, 3]] {
        assert_eq!(
            choose(&mut client, quick, chosen, 61).await,
            Err(ChoiceError::WaitedFor)
        );
    }
    sweep(&mut client, 61).await;
    assert_eq!(serve(&mut client, ticket_type).await, 1);
    assert_eq!(states(&client, ticket_type, 61).await, "fhfhhh");
    choose(&mut client, quick, &[3], 61).await.unwrap();
    assert_consistent(&client).await;
}

/// Whoever was told that there is no line has bought before anybody can join one.
#[tokio::test]
async fn a_line_is_opened_when_those_who_knew_of_none_are_done() {
    let (db, ticket_type) = seated(1, 3).await;
    let [mut seller, mut opener] = <[_; 2]>::try_from(connections(&db, 2).await).unwrap();
    let sale = seller.transaction().await.unwrap();
    let known = db::ticket_types::for_sale(sale.client(), &[ticket_type])
        .await
        .unwrap();
    assert!(!known[0].has_line);
    let owner = known[0].organizer_id;
    let opening = async {
        let tx = opener.transaction().await.unwrap();
        let wish = Wish {
            mode: Mode::InOrder,
            claim: None,
        };
        waiting_list::set(&tx, ticket_type, owner, false, wish, at(0))
            .await
            .unwrap();
        tx.commit().await.unwrap();
    };
    let done = AtomicBool::new(false);
    let selling = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!done.load(Ordering::SeqCst), "the line is open already");
        sale.commit().await.unwrap();
    };
    tokio::join!(
        async {
            opening.await;
            done.store(true, Ordering::SeqCst);
        },
        selling
    );
    let sale = seller.transaction().await.unwrap();
    let known = db::ticket_types::for_sale(sale.client(), &[ticket_type])
        .await
        .unwrap();
    assert!(known[0].has_line);
}

/// Fifty people try to get a seat by choice and by rank, again and again, while seats come back: not one of them gets any.
#[tokio::test]
async fn walk_ins_do_not_pass_the_line_for_seats() {
    let (db, ticket_type, [front, _]) = sold_out().await;
    let mut client = db.client().await;
    let people = line(&mut client, ticket_type, &[1, 1]).await;
    let rows = cart_rows(&client, ticket_type, 50).await;
    let mut clients = connections(&db, 51).await;
    let released = AtomicBool::new(false);
    let passed = race(&mut clients, async |number, client| {
        if number == 50 {
            release(client, front).await;
            released.store(true, Ordering::SeqCst);
            return 0;
        }
        let wanted = claim(ticket_type, Owner::Cart(rows[number]), LATER);
        let (mut dice, mut passed, mut after) = (Dice::new(number), 0, 0);
        while after < 3 {
            after += usize::from(released.load(Ordering::SeqCst));
            let seat = SeatNumber::new(1 + i32::try_from(dice.below(3)).unwrap());
            passed += usize::from(match dice.below(3) {
                0 => choose(client, wanted, &[seat.get()], 0).await.is_ok(),
                1 => choose(client, wanted, &[1, 2, 3], 0).await.is_ok(),
                _ => best(client, wanted, 1, &mut dice).await.is_ok(),
            });
        }
        passed
    })
    .await;
    assert_eq!(passed.iter().sum::<usize>(), 0, "somebody passed");
    assert_eq!(serve(&mut client, ticket_type).await, 2);
    for (user, _) in people {
        assert_eq!(cart_of(&mut client, user, ticket_type).await.unwrap().1, 1);
    }
    assert_offers_kept(&client).await;
    assert_consistent(&client).await;
}

//! Seats: maps, claims by choice and by rank, and many buyers who want the same ones.

use crate::payments::{apply, end, report};
use crate::support::{
    Dice, LATER, another_type, assert_consistent, at, cart_rows, connections, on_sale, order_without_stock,
    race,
};
use db::orders;
use db::payments as pay;
use db::seat_maps::{self, NewMap, SetMap};
use db::seats::{self, Claim, Group};
use db::stock::{self, Owner};
use domain::cart::StockError;
use domain::order::OrderStatus;
use domain::seat_map::{StageName, read};
use domain::seating::{ChoiceError, SeatNumber, State};
use domain::{CartItemId, EventId, OrderId, TicketTypeId};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Mutex;
use testkit::TestDb;
use tokio_postgres::Client;

pub fn numbers(seats: &[i32]) -> Vec<SeatNumber> {
    seats.iter().copied().map(SeatNumber::new).collect()
}

/// A map of one section with these many rows of these many seats.
fn house(ticket_type: TicketTypeId, rows: u32, seats: u32) -> Value {
    let row = |row: u32| json!({"label": row + 1, "seats": [{"from": 1, "to": seats}]});
    json!([{"name": "Floor", "ticketId": ticket_type, "rows": (0..rows).map(row).collect::<Vec<_>>()}])
}

async fn event_of(client: &Client, ticket_type: TicketTypeId) -> EventId {
    let sql = "select event_id from ticket_types where id = $1";
    EventId::new(client.query_one(sql, &[&ticket_type.get()]).await.unwrap().get(0))
}

async fn set(client: &mut Client, event: EventId, sections: Value, no_single_seats: bool) -> SetMap {
    let sections = read(sections).unwrap();
    let stage = StageName::parse("Stage").unwrap();
    let map = NewMap {
        stage: &stage,
        no_single_seats,
        sections: &sections,
    };
    let tx = client.transaction().await.unwrap();
    let set = seat_maps::set(&tx, event, &map, at(0)).await.unwrap();
    match set {
        SetMap::Done { .. } => tx.commit().await.unwrap(),
        _ => tx.rollback().await.unwrap(),
    }
    set
}

/// A database with one ticket type whose units are seats in these many rows of these many seats.
pub async fn seated(rows: u32, seats: u32) -> (TestDb, TicketTypeId) {
    let (db, ticket_type) = on_sale(5).await;
    let mut client = db.client().await;
    let event = event_of(&client, ticket_type).await;
    let done = set(&mut client, event, house(ticket_type, rows, seats), false).await;
    assert_eq!(
        done,
        SetMap::Done {
            before: 0,
            seats: rows * seats
        }
    );
    (db, ticket_type)
}

pub const fn claim(ticket_type: TicketTypeId, owner: Owner, until: i64) -> (TicketTypeId, Owner, i64) {
    (ticket_type, owner, until)
}

fn of((ticket_type, owner, until): (TicketTypeId, Owner, i64)) -> Claim {
    Claim {
        owner,
        ticket_type,
        until: at(until),
        passes: false,
    }
}

/// Chooses seats in a transaction of its own.
pub async fn choose(
    client: &mut Client,
    wanted: (TicketTypeId, Owner, i64),
    chosen: &[i32],
    now: i64,
) -> Result<(), ChoiceError> {
    let tx = client.transaction().await.unwrap();
    let answer = seats::choose(&tx, of(wanted), &numbers(chosen), &[], false, at(now))
        .await
        .unwrap();
    match answer {
        Ok(()) => tx.commit().await.unwrap(),
        Err(_) => tx.rollback().await.unwrap(),
    }
    answer
}

/// Takes the best seats in a transaction of its own.
pub async fn best(
    client: &mut Client,
    wanted: (TicketTypeId, Owner, i64),
    quantity: u32,
    dice: &mut Dice,
) -> Result<Vec<SeatNumber>, StockError> {
    let group = Group {
        quantity,
        own: &[],
        accessible: false,
    };
    best_for(client, wanted, group, dice).await
}

/// The same for a group that may have seats.
async fn best_for(
    client: &mut Client,
    wanted: (TicketTypeId, Owner, i64),
    group: Group<'_>,
    dice: &mut Dice,
) -> Result<Vec<SeatNumber>, StockError> {
    let tx = client.transaction().await.unwrap();
    let mut pick = |below| dice.below(below);
    let answer = seats::take_best(&tx, of(wanted), group, at(0), &mut pick)
        .await
        .unwrap();
    match answer {
        Ok(_) => tx.commit().await.unwrap(),
        Err(_) => tx.rollback().await.unwrap(),
    }
    answer
}

/// How the seats stand, a letter each.
pub async fn states(client: &Client, ticket_type: TicketTypeId, now: i64) -> String {
    let event = event_of(client, ticket_type).await;
    let found = seat_maps::states(client, event, None, true, at(now))
        .await
        .unwrap();
    found.unwrap().states
}

/// An order of these seats that waits for its payment.
pub async fn placed(client: &mut Client, ticket_type: TicketTypeId, chosen: &[i32]) -> OrderId {
    let quantity = u32::try_from(chosen.len()).unwrap();
    let (order, lines) = order_without_stock(client, &[(ticket_type, quantity)]).await;
    let tx = client.transaction().await.unwrap();
    let wanted = of(claim(ticket_type, Owner::Order(lines[0]), 900));
    seats::choose(&tx, wanted, &numbers(chosen), &[], false, at(0))
        .await
        .unwrap()
        .unwrap();
    orders::set_seats(&tx, lines[0], &numbers(chosen)).await.unwrap();
    pay::open(&tx, order, at(30), at(0)).await.unwrap();
    tx.commit().await.unwrap();
    order
}

async fn seats_of_tickets(client: &Client, status: &str) -> Vec<i32> {
    let sql = "select seat from issued_tickets where status = $1 order by seat";
    let rows = client.query(sql, &[&status]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_map_is_replaced_while_nothing_of_it_is_sold_or_held() {
    let (db, first) = seated(2, 3).await;
    let second = another_type(&db, 7).await;
    let mut client = db.client().await;
    let event = event_of(&client, first).await;
    let foreign = house(TicketTypeId::new(99), 1, 1);
    assert_eq!(set(&mut client, event, foreign, false).await, SetMap::NoTicket(0));

    let item = cart_rows(&client, first, 1).await[0];
    let wanted = claim(first, Owner::Cart(item), LATER);
    choose(&mut client, wanted, &[2], 0).await.unwrap();
    assert_eq!(
        set(&mut client, event, house(first, 1, 1), false).await,
        SetMap::InUse
    );
    assert_eq!(
        set(&mut client, event, house(second, 1, 4), false).await,
        SetMap::InUse
    );
    let tx = client.transaction().await.unwrap();
    stock::release_cart_item(&tx, item).await.unwrap();
    tx.commit().await.unwrap();

    // The numbers go on, so nobody gets another seat than the one that was seen.
    let done = set(&mut client, event, house(second, 1, 4), true).await;
    assert_eq!(done, SetMap::Done { before: 6, seats: 4 });
    let plan = seat_maps::show(&client, event, None, true, at(0))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (plan.version, plan.no_single_seats, plan.rows.len()),
        (2, true, 1)
    );
    assert_eq!(plan.rows[0].seats[0].number, SeatNumber::new(7));
    assert_eq!(
        choose(&mut client, wanted, &[2], 0).await,
        Err(ChoiceError::Unknown(SeatNumber::new(2)))
    );
    let sql = "select string_agg(concat_ws(' ', seated, capacity), ', ' order by id) from ticket_types";
    let types: String = client.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(types, "f 0, t 4");
    assert_consistent(&client).await;
}

#[tokio::test]
async fn a_seat_has_one_owner_until_its_time_is_over() {
    let (db, ticket_type) = seated(1, 4).await;
    let mut client = db.client().await;
    let items = cart_rows(&client, ticket_type, 3).await;
    let of_cart = |number: usize| claim(ticket_type, Owner::Cart(items[number]), 60);
    choose(&mut client, of_cart(0), &[2, 3], 0).await.unwrap();
    let taken = Err(ChoiceError::Taken(SeatNumber::new(3)));
    assert_eq!(choose(&mut client, of_cart(1), &[3, 4], 59).await, taken);
    assert_eq!(states(&client, ticket_type, 59).await, "fhhf", "all or none");

    assert_eq!(states(&client, ticket_type, 60).await, "ffff");
    let again = claim(ticket_type, Owner::Cart(items[1]), 120);
    choose(&mut client, again, &[3, 4], 60).await.unwrap();
    assert_eq!(states(&client, ticket_type, 60).await, "ffhh");
    assert_consistent(&client).await;

    let tx = client.transaction().await.unwrap();
    assert_eq!(
        seats::held(&tx, Owner::Cart(items[0])).await.unwrap(),
        numbers(&[2])
    );
    assert_eq!(
        seats::held(&tx, Owner::Cart(items[1])).await.unwrap(),
        numbers(&[3, 4])
    );
    seats::release(&tx, items[1], &numbers(&[3])).await.unwrap();
    stock::release_expired_carts(&tx, at(60), 10).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(states(&client, ticket_type, 60).await, "fffh");
    assert_consistent(&client).await;
}

#[tokio::test]
async fn whoever_holds_seats_does_not_go_without_giving_them_back() {
    let (db, ticket_type) = seated(1, 4).await;
    let mut client = db.client().await;
    placed(&mut client, ticket_type, &[1]).await;
    let item = cart_rows(&client, ticket_type, 1).await[0];
    let of_cart = claim(ticket_type, Owner::Cart(item), LATER);
    choose(&mut client, of_cart, &[2], 0).await.unwrap();
    for owners in ["cart_items", "order_items"] {
        let refused = client.batch_execute(&format!("delete from {owners}")).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "23503", "{owners}: {refused:?}");
    }
    let tx = client.transaction().await.unwrap();
    stock::release_cart_item(&tx, item).await.unwrap();
    db::cart::delete(&tx, item).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(states(&client, ticket_type, 0).await, "hfff");
    assert_consistent(&client).await;
}

#[tokio::test]
async fn the_best_seats_are_found_near_the_best_free_one_and_far_from_it() {
    let (db, ticket_type) = seated(30, 30).await;
    let mut client = db.client().await;
    let items = cart_rows(&client, ticket_type, 4).await;
    let of_cart = |number: usize| claim(ticket_type, Owner::Cart(items[number]), 60);
    let dice = &mut Dice::new(0);
    let front = best(&mut client, of_cart(0), 3, dice).await.unwrap();
    assert!(
        front.iter().all(|seat| (14..=18).contains(&seat.get())),
        "{front:?}"
    );
    // Every other seat is sold but for the last row, so no neighbours are near the best.
    db.run("update seat_stock set sold = true, holder_id = null, held_until = null where number % 2 = 0 and number <= 870")
        .await;
    let back = best(&mut client, of_cart(1), 2, dice).await.unwrap();
    assert!(back.iter().all(|seat| seat.get() > 870), "{back:?}");
    // What a cart had is the best again when its time is over, though no index of what is free knows it.
    db.run("update seat_stock set sold = number % 2 = 0 or number > 30, holder_id = null, held_until = null")
        .await;
    choose(&mut client, of_cart(2), &[13, 15, 17], 0).await.unwrap();
    db.run("update seat_stock set held_until = '1970-01-01' where number in (13, 15, 17)")
        .await;
    let again = best(&mut client, of_cart(3), 15, dice).await.unwrap();
    assert_eq!(again, numbers(&(1..=30).step_by(2).collect::<Vec<_>>()));
}

#[tokio::test]
async fn of_two_groups_that_grow_into_the_same_gap_one_does_and_the_other_sits_together_elsewhere() {
    let (db, ticket_type) = seated(3, 6).await;
    let mut clients = connections(&db, 2).await;
    let items = cart_rows(&clients[0], ticket_type, 2).await;
    for round in 0..20 {
        let of_cart = |number: usize| claim(ticket_type, Owner::Cart(items[number]), LATER);
        let own = [[7], [12]];
        for number in 0..2 {
            choose(&mut clients[number], of_cart(number), &own[number], 0)
                .await
                .unwrap();
        }
        let taken = race(&mut clients, async |number, client| {
            let own = numbers(&own[number]);
            let group = Group {
                quantity: 4,
                own: &own,
                accessible: false,
            };
            let dice = &mut Dice::new(round);
            best_for(client, of_cart(number), group, dice).await.unwrap()
        })
        .await;
        let (gap, elsewhere) = match taken[0] == numbers(&[8, 9, 10, 11]) {
            true => (&taken[0], &taken[1]),
            false => (&taken[1], &taken[0]),
        };
        assert_eq!(*gap, numbers(&[8, 9, 10, 11]), "{taken:?}");
        let together = elsewhere.windows(2).all(|two| two[0].get() + 1 == two[1].get());
        assert!(together && elsewhere[0].get() < 7, "{taken:?}");
        db.run("update seat_stock set holder_id = null, held_until = null")
            .await;
    }
}

#[tokio::test]
async fn paid_seats_stand_on_tickets_and_come_back_when_the_money_does() {
    let (db, ticket_type) = seated(1, 4).await;
    let mut client = db.client().await;
    let order = placed(&mut client, ticket_type, &[2, 3]).await;
    assert_eq!(
        states(&client, ticket_type, 2_000).await,
        "fhhf",
        "an order ends only by the janitor"
    );
    apply(&mut client, order, &report("t1", "settlement", "2000.00"), 1).await;
    assert_eq!(states(&client, ticket_type, 1).await, "fssf");
    assert_eq!(seats_of_tickets(&client, "valid").await, [2, 3]);
    assert_consistent(&client).await;

    apply(&mut client, order, &report("t1", "refund", "2000.00"), 2).await;
    assert_eq!(states(&client, ticket_type, 2).await, "ffff");
    assert_eq!(seats_of_tickets(&client, "void").await, [2, 3]);
    let next = placed(&mut client, ticket_type, &[3]).await;
    apply(&mut client, next, &report("t2", "settlement", "1000.00"), 3).await;
    assert_eq!(seats_of_tickets(&client, "valid").await, [3]);
    assert_consistent(&client).await;
}

#[tokio::test]
async fn money_that_comes_late_gets_the_same_seats_or_goes_back() {
    let (db, ticket_type) = seated(1, 5).await;
    let mut client = db.client().await;
    let lucky = placed(&mut client, ticket_type, &[1, 2]).await;
    let late = placed(&mut client, ticket_type, &[3, 4]).await;
    assert!(end(&mut client, lucky, 901).await && end(&mut client, late, 901).await);
    assert_eq!(states(&client, ticket_type, 901).await, "fffff");
    let item = cart_rows(&client, ticket_type, 1).await[0];
    choose(
        &mut client,
        claim(ticket_type, Owner::Cart(item), 5_000),
        &[4],
        902,
    )
    .await
    .unwrap();
    let paid = apply(&mut client, lucky, &report("t1", "settlement", "2000.00"), 1_000).await;
    assert_eq!(paid.order, OrderStatus::Paid);
    let refused = apply(&mut client, late, &report("t2", "settlement", "2000.00"), 1_000).await;
    assert_eq!(
        refused.order,
        OrderStatus::RefundDue,
        "others are free, but were not chosen"
    );
    assert_eq!(states(&client, ticket_type, 1_000).await, "ssfhf");
    assert_eq!(seats_of_tickets(&client, "valid").await, [1, 2]);
    assert_consistent(&client).await;
}

#[tokio::test]
async fn two_who_want_the_same_seat_at_once_do_not_both_get_it() {
    let (db, ticket_type) = seated(1, 6).await;
    let client = db.client().await;
    let items = cart_rows(&client, ticket_type, 16).await;
    let mut clients = connections(&db, 16).await;
    // Groups that overlap, in both orders: no deadlock either.
    let groups = [[1, 2, 3], [3, 4, 5], [2, 3, 4], [3, 5, 6]];
    let answers = race(&mut clients, async |number, client| {
        let wanted = claim(ticket_type, Owner::Cart(items[number]), LATER);
        choose(client, wanted, &groups[number % 4], 0).await
    })
    .await;
    assert_eq!(
        answers.iter().filter(|answer| answer.is_ok()).count(),
        1,
        "all want seat 3"
    );
    assert_eq!(states(&client, ticket_type, 0).await.matches('h').count(), 3);
    assert_consistent(&client).await;
}

/// One of the crowd: wants 1 to 4 seats, by choice out of what is seen free, or the best; and fewer if there are not as many.
async fn buyer(
    client: &mut Client,
    ticket_type: TicketTypeId,
    item: CartItemId,
    dice: &mut Dice,
) -> Vec<SeatNumber> {
    let wanted = claim(ticket_type, Owner::Cart(item), LATER);
    let mut quantity = 1 + dice.below(4);
    loop {
        if dice.below(2) == 0 {
            let lines = seats::look(client, ticket_type, at(0)).await.unwrap();
            let free: Vec<i32> = lines
                .iter()
                .flat_map(|line| &line.seats)
                .filter(|seat| seat.state == State::Free)
                .map(|seat| seat.number.get())
                .collect();
            if !free.is_empty() {
                let first = dice.below(u32::try_from(free.len()).unwrap()) as usize;
                let chosen: Vec<i32> = free.iter().skip(first).take(quantity as usize).copied().collect();
                match choose(client, wanted, &chosen, 0).await {
                    Ok(()) => return numbers(&chosen),
                    Err(ChoiceError::Taken(_)) => continue,
                    Err(refused) => panic!("{refused:?}"),
                }
            }
        }
        match best(client, wanted, quantity, dice).await {
            Err(StockError::WaitedFor) => panic!("nobody waits"),
            Ok(seats) => return seats,
            Err(StockError::SoldOut { left } | StockError::HeldByOthers { left, .. }) => {
                assert!(left < quantity, "{left} free, {quantity} refused");
                if quantity == 1 {
                    return Vec::new();
                }
                quantity -= 1;
            }
        }
    }
}

#[tokio::test]
async fn five_hundred_buyers_get_four_hundred_seats() {
    let (db, ticket_type) = seated(20, 20).await;
    let client = db.client().await;
    let items = cart_rows(&client, ticket_type, 500).await;
    let waiting = Mutex::new(items.iter().copied().enumerate().collect::<Vec<_>>());
    let mut clients = connections(&db, 64).await;
    let bought = race(&mut clients, async |_, client| {
        let mut bought = Vec::new();
        loop {
            let Some((number, item)) = waiting.lock().unwrap().pop() else {
                return bought;
            };
            bought.push(buyer(client, ticket_type, item, &mut Dice::new(number)).await);
        }
    })
    .await;
    let bought: Vec<Vec<SeatNumber>> = bought.into_iter().flatten().collect();
    assert_eq!(bought.len(), 500);
    let seats: Vec<SeatNumber> = bought.iter().flatten().copied().collect();
    let different: BTreeSet<SeatNumber> = seats.iter().copied().collect();
    assert_eq!(
        (seats.len(), different.len()),
        (400, 400),
        "none twice, none left over"
    );
    assert!(
        bought.iter().any(Vec::is_empty),
        "the crowd was larger than the house"
    );
    assert_eq!(states(&client, ticket_type, 0).await, "h".repeat(400));
    assert_consistent(&client).await;
}

#[tokio::test]
async fn no_seat_is_left_alone_by_several_at_once_either() {
    let (db, ticket_type) = on_sale(5).await;
    let mut client = db.client().await;
    let event = event_of(&client, ticket_type).await;
    set(&mut client, event, house(ticket_type, 10, 9), true).await;
    let items = cart_rows(&client, ticket_type, 25).await;
    let waiting = Mutex::new(items);
    let mut clients = connections(&db, 16).await;
    race(&mut clients, async |number, client| {
        let mut dice = Dice::new(number);
        loop {
            let Some(item) = waiting.lock().unwrap().pop() else {
                return;
            };
            let wanted = claim(ticket_type, Owner::Cart(item), LATER);
            let first = i32::try_from(1 + dice.below(90)).unwrap();
            let chosen = if dice.below(2) == 0 || first % 9 == 0 {
                vec![first]
            } else {
                vec![first, first + 1]
            };
            let answer = choose(client, wanted, &chosen, 0).await;
            assert!(!matches!(answer, Err(ChoiceError::Unknown(_))), "{answer:?}");
        }
    })
    .await;
    let states = states(&client, ticket_type, 0).await;
    let rows: Vec<&str> = (0..10).map(|row| &states[row * 9..row * 9 + 9]).collect();
    let alone = rows
        .iter()
        .flat_map(|row| row.split('h'))
        .filter(|free| free.len() == 1);
    assert_eq!(alone.count(), 0, "{rows:?}");
    assert!(states.contains('h'));
    assert_consistent(&client).await;
}

#[tokio::test]
async fn the_largest_map_is_made() {
    let (db, ticket_type) = on_sale(5).await;
    let mut client = db.client().await;
    let event = event_of(&client, ticket_type).await;
    let started = std::time::Instant::now();
    let done = set(&mut client, event, house(ticket_type, 100, 200), false).await;
    println!("a map of 20,000 seats was made in {:?}", started.elapsed());
    assert_eq!(
        done,
        SetMap::Done {
            before: 0,
            seats: 20_000
        }
    );
    let started = std::time::Instant::now();
    assert_eq!(states(&client, ticket_type, 0).await, "f".repeat(20_000));
    println!("its states were read in {:?}", started.elapsed());
    assert_consistent(&client).await;
}

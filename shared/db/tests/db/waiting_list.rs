//! Waiting lists: who gets what comes back, in which order, and that nobody passes.

use crate::support::{
    Dice, LATER, assert_stock_consistent, at, buyers, cart_rows, connections, counters, on_sale,
    order_without_stock, race,
};
use db::cart::CartItem;
use db::stock::{self, Owner, Want};
use db::waiting_list::{self, Entry, Served, Wish};
use domain::cart::StockError;
use domain::ticket::Quantity;
use domain::waiting_list::{EntryStatus, Mode};
use domain::{OrderId, TicketTypeId, UserId, WaitingEntryId};
use std::sync::atomic::{AtomicBool, Ordering};
use testkit::TestDb;
use tokio_postgres::Client;

pub const MINUTES: i64 = 60;

/// A ticket type with a waiting list, all of which orders hold, one unit each.
async fn sold_out(capacity: u32, mode: Mode) -> (TestDb, TicketTypeId, Vec<OrderId>) {
    let (db, ticket_type) = on_sale(capacity).await;
    let mut client = db.client().await;
    let mut orders = Vec::new();
    for _ in 0..capacity {
        let (order, lines) = order_without_stock(&client, &[(ticket_type, 1)]).await;
        let tx = client.transaction().await.unwrap();
        stock::take(&tx, Owner::Order(lines[0]), want(ticket_type, 1), at(0))
            .await
            .unwrap()
            .unwrap();
        tx.commit().await.unwrap();
        orders.push(order);
    }
    set_mode(&db, ticket_type, mode).await;
    (db, ticket_type, orders)
}

pub async fn set_mode(db: &TestDb, ticket_type: TicketTypeId, mode: Mode) {
    let mode = mode.as_str();
    db.run(&format!(
        "update ticket_types set waiting_list = '{mode}' where id = {ticket_type}"
    ))
    .await;
}

fn want(ticket_type: TicketTypeId, quantity: u32) -> Want {
    Want {
        ticket_type,
        quantity,
        first_stripe: 0,
        until: at(LATER),
    }
}

/// Gives back what an order holds, as when its time to pay is over.
pub async fn release(client: &mut Client, order: OrderId) {
    let tx = client.transaction().await.unwrap();
    stock::release_order(&tx, order).await.unwrap();
    let (id, sql) = (order.get(), "update orders set status = 'expired' where id = $1");
    tx.execute(sql, &[&id]).await.unwrap();
    tx.commit().await.unwrap();
}

async fn join_at(
    client: &mut Client,
    user: UserId,
    ticket_type: TicketTypeId,
    quantity: u32,
    seconds: i64,
) -> domain::Result<Entry> {
    let tx = client.transaction().await.unwrap();
    db::users::lock_buyer(&tx, user).await.unwrap().unwrap();
    let sale = db::ticket_types::for_sale(tx.client(), &[ticket_type])
        .await
        .unwrap();
    let quantity = Quantity::new(quantity).unwrap();
    let entry = waiting_list::join(&tx, user, &sale[0], quantity, at(seconds)).await?;
    tx.commit().await.unwrap();
    Ok(entry)
}

pub async fn join(
    client: &mut Client,
    user: UserId,
    ticket_type: TicketTypeId,
    quantity: u32,
) -> domain::Result<Entry> {
    join_at(client, user, ticket_type, quantity, 0).await
}

/// New people in line, in the order of what they want.
pub async fn line(
    client: &mut Client,
    ticket_type: TicketTypeId,
    quantities: &[u32],
) -> Vec<(UserId, WaitingEntryId)> {
    let users = buyers(client, quantities.len()).await;
    let mut line = Vec::new();
    for (user, quantity) in users.into_iter().zip(quantities) {
        let entry = join(client, user, ticket_type, *quantity).await.unwrap();
        line.push((user, entry.id));
    }
    line
}

/// What a worker does with a line at a time, until it is nobody's turn. How many it served.
async fn serve_at(client: &mut Client, ticket_type: TicketTypeId, seconds: i64) -> usize {
    let mut served = 0;
    loop {
        let tx = client.transaction().await.unwrap();
        let random = runtime::random::hex::<16>;
        match waiting_list::serve(&tx, ticket_type, &random, at(seconds))
            .await
            .unwrap()
        {
            Served::Offered(_) => served += 1,
            Served::Passed => {}
            Served::Nobody => return served,
        }
        tx.commit().await.unwrap();
    }
}

pub async fn serve(client: &mut Client, ticket_type: TicketTypeId) -> usize {
    serve_at(client, ticket_type, 0).await
}

/// What the janitor does first: the sweep of the carts, then offers whose time is over. How many of these.
pub async fn sweep(client: &mut Client, seconds: i64) -> usize {
    let tx = client.transaction().await.unwrap();
    stock::release_expired_carts(&tx, at(seconds), 1_000)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut lapsed = 0;
    for (entry, user) in waiting_list::overdue(client, at(seconds), 100).await.unwrap() {
        let tx = client.transaction().await.unwrap();
        lapsed += usize::from(waiting_list::lapse(&tx, entry, user, at(seconds)).await.unwrap());
        tx.commit().await.unwrap();
    }
    lapsed
}

/// Where those stand who are or were in line, by their ids.
pub async fn statuses(client: &Client) -> String {
    let sql = "select coalesce(string_agg(status, ' ' order by id), '') from waiting_entries";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

async fn count(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

pub async fn cart_of(
    client: &mut Client,
    user: UserId,
    ticket_type: TicketTypeId,
) -> Option<(CartItem, u32)> {
    let tx = client.transaction().await.unwrap();
    let item = db::cart::lock_of_type(&tx, user, ticket_type).await.unwrap()?;
    let held = stock::lock_cart_holds(&tx, item.id).await.unwrap();
    Some((item, held))
}

pub async fn assert_offers_kept(client: &Client) {
    assert_stock_consistent(client).await;
    for rule in [
        db::invariants::Rule::OffersAreKept,
        db::invariants::Rule::HeldIsInHolds,
    ] {
        let breach = db::invariants::breach(client, rule, db::invariants::Slice::ALL)
            .await
            .unwrap();
        assert_eq!(breach, None);
    }
}

pub fn code<T: std::fmt::Debug>(refused: domain::Result<T>) -> &'static str {
    refused.unwrap_err().code
}

#[tokio::test]
async fn only_what_is_sold_out_is_waited_for_and_only_with_a_list() {
    let (db, ticket_type) = on_sale(5).await;
    let mut client = db.client().await;
    let users = buyers(&client, 2).await;
    assert_eq!(
        code(join(&mut client, users[0], ticket_type, 1).await),
        "waiting_list_off"
    );
    set_mode(&db, ticket_type, Mode::InOrder).await;
    assert_eq!(
        code(join(&mut client, users[0], ticket_type, 1).await),
        "tickets_available"
    );
    let (_, lines) = order_without_stock(&client, &[(ticket_type, 5)]).await;
    let tx = client.transaction().await.unwrap();
    stock::take(&tx, Owner::Order(lines[0]), want(ticket_type, 5), at(0))
        .await
        .unwrap()
        .unwrap();
    tx.commit().await.unwrap();
    let entry = join(&mut client, users[0], ticket_type, 2).await.unwrap();
    assert_eq!(
        (entry.status, entry.position, entry.quantity),
        (EntryStatus::Waiting, Some(1), 2)
    );
    // More than there are in all, more than one order may have, and after the sale.
    assert_eq!(
        code(join(&mut client, users[1], ticket_type, 6).await),
        "limit_reached"
    );
    assert_eq!(
        code(join(&mut client, users[1], ticket_type, 11).await),
        "limit_reached"
    );
    let year = 366 * 86_400;
    assert_eq!(
        code(join_at(&mut client, users[1], ticket_type, 1, year).await),
        "sales_closed"
    );
    assert_eq!(statuses(&client).await, "waiting");
}

#[tokio::test]
async fn joining_again_changes_nothing_fewer_keep_the_place_and_more_lose_it() {
    let (db, ticket_type, _) = sold_out(5, Mode::InOrder).await;
    let mut client = db.client().await;
    let people = line(&mut client, ticket_type, &[3, 1]).await;
    let (first, place) = people[0];
    let again = join(&mut client, first, ticket_type, 3).await.unwrap();
    assert_eq!((again.id, again.position), (place, Some(1)));
    let fewer = join(&mut client, first, ticket_type, 2).await.unwrap();
    assert_eq!((fewer.id, fewer.position, fewer.quantity), (place, Some(1), 2));
    let more = join(&mut client, first, ticket_type, 4).await.unwrap();
    assert_eq!((more.position, more.quantity), (Some(2), 4));
    assert_eq!(statuses(&client).await, "left waiting waiting");
    // The same person at the same moment, many times.
    let mut clients = connections(&db, 8).await;
    let user = buyers(&client, 1).await[0];
    let entries = race(&mut clients, async |_, client| {
        join(client, user, ticket_type, 1).await.unwrap().id
    });
    let entries = entries.await;
    assert!(entries.iter().all(|entry| *entry == entries[0]));
    assert_eq!(
        count(
            &client,
            "select count(*) from waiting_entries where status = 'waiting'"
        )
        .await,
        3
    );
}

#[tokio::test]
async fn whoever_is_first_gets_it_into_the_cart_and_is_told_once() {
    let (db, ticket_type, orders) = sold_out(5, Mode::InOrder).await;
    let mut client = db.client().await;
    let people = line(&mut client, ticket_type, &[2, 1]).await;
    assert_eq!(serve(&mut client, ticket_type).await, 0, "nothing is free");
    for order in &orders[..2] {
        release(&mut client, *order).await;
    }
    assert_eq!(serve(&mut client, ticket_type).await, 1);
    let (item, held) = cart_of(&mut client, people[0].0, ticket_type).await.unwrap();
    let until = at(30 * MINUTES);
    assert_eq!((item.quantity, held, item.reserved_until), (2, 2, until));
    assert_eq!(item.offered_until, Some(until));
    assert_eq!(statuses(&client).await, "offered waiting");
    assert_eq!(serve(&mut client, ticket_type).await, 0);
    let told = "select count(*) from notifications where notice ->> 'kind' = 'tickets_offered'";
    assert_eq!(count(&client, told).await, 1);
    let mails = "select count(*) from outbox where queue = 'mail' and body like '%tickets_offered%'";
    assert_eq!(count(&client, mails).await, 1);
    // Whoever has an offer joins nothing by joining again.
    let again = join(&mut client, people[0].0, ticket_type, 1).await.unwrap();
    assert_eq!((again.id, again.status), (people[0].1, EntryStatus::Offered));
    let offer = waiting_list::offer(&client, people[0].1).await.unwrap().unwrap();
    assert_eq!(
        (offer.user_id, offer.turned.quantity, offer.turned.until),
        (people[0].0, 2, until)
    );
    assert_offers_kept(&client).await;
}

#[tokio::test]
async fn what_is_not_claimed_in_time_goes_to_the_next() {
    let (db, ticket_type, orders) = sold_out(2, Mode::InOrder).await;
    let mut client = db.client().await;
    let people = line(&mut client, ticket_type, &[1, 1]).await;
    release(&mut client, orders[0]).await;
    assert_eq!(serve(&mut client, ticket_type).await, 1);
    assert_eq!(sweep(&mut client, 30 * MINUTES - 1).await, 0);
    // Without the sweep the stock is still theirs, so the offer is, too.
    for (entry, user) in waiting_list::overdue(&client, at(30 * MINUTES), 100)
        .await
        .unwrap()
    {
        let tx = client.transaction().await.unwrap();
        assert!(
            !waiting_list::lapse(&tx, entry, user, at(30 * MINUTES))
                .await
                .unwrap()
        );
    }
    assert_eq!(sweep(&mut client, 30 * MINUTES).await, 1);
    assert_eq!(serve_at(&mut client, ticket_type, 30 * MINUTES).await, 1);
    assert_eq!(statuses(&client).await, "lapsed offered");
    let (item, held) = cart_of(&mut client, people[1].0, ticket_type).await.unwrap();
    assert_eq!((item.offered_until, held), (Some(at(60 * MINUTES)), 1));
    let told = "select count(*) from notifications where notice ->> 'kind' = 'offer_lapsed'";
    assert_eq!(count(&client, told).await, 1);
    // Back at the end of the line.
    let again = join_at(&mut client, people[0].0, ticket_type, 1, 31 * MINUTES)
        .await
        .unwrap();
    assert_eq!((again.status, again.position), (EntryStatus::Waiting, Some(1)));
    assert_offers_kept(&client).await;
}

#[tokio::test]
async fn a_group_keeps_its_place_and_who_passes_is_the_organizers_choice() {
    let (db, ticket_type, orders) = sold_out(6, Mode::InOrder).await;
    let mut client = db.client().await;
    line(&mut client, ticket_type, &[3, 1, 2]).await;
    for order in &orders[..2] {
        release(&mut client, *order).await;
    }
    assert_eq!(
        serve(&mut client, ticket_type).await,
        0,
        "it is kept for the group"
    );
    set_mode(&db, ticket_type, Mode::WhoFits).await;
    assert_eq!(serve(&mut client, ticket_type).await, 1);
    assert_eq!(statuses(&client).await, "waiting offered waiting");
    set_mode(&db, ticket_type, Mode::InOrder).await;
    for order in &orders[2..5] {
        release(&mut client, *order).await;
    }
    assert_eq!(serve(&mut client, ticket_type).await, 1);
    assert_eq!(statuses(&client).await, "offered offered waiting");
    assert_eq!(counters(&client, ticket_type).await.free(), 1);
    assert_offers_kept(&client).await;
}

#[tokio::test]
async fn leaving_gives_back_what_was_kept() {
    let (db, ticket_type, orders) = sold_out(2, Mode::InOrder).await;
    let mut client = db.client().await;
    let people = line(&mut client, ticket_type, &[1, 1, 1]).await;
    release(&mut client, orders[0]).await;
    serve(&mut client, ticket_type).await;
    for (user, was_in_line) in [(people[0].0, true), (people[1].0, true), (people[1].0, false)] {
        let tx = client.transaction().await.unwrap();
        db::users::lock_buyer(&tx, user).await.unwrap().unwrap();
        assert_eq!(
            waiting_list::leave(&tx, user, ticket_type, at(1)).await.unwrap(),
            was_in_line
        );
        tx.commit().await.unwrap();
    }
    assert!(cart_of(&mut client, people[0].0, ticket_type).await.is_none());
    assert_eq!(counters(&client, ticket_type).await.free(), 1);
    assert_eq!(serve(&mut client, ticket_type).await, 1);
    assert_eq!(statuses(&client).await, "left left offered");
    assert_offers_kept(&client).await;
}

#[tokio::test]
async fn who_may_not_buy_any_more_is_passed() {
    let (db, ticket_type, orders) = sold_out(4, Mode::InOrder).await;
    let mut client = db.client().await;
    let people = line(&mut client, ticket_type, &[2, 1]).await;
    // They have bought elsewhere meanwhile what the limit allows.
    let buyer = people[0].0;
    db.run(&format!(
        "update ticket_types set max_per_user = 2; update orders set user_id = {buyer} where id = {}",
        orders[0]
    ))
    .await;
    for order in &orders[1..3] {
        release(&mut client, *order).await;
    }
    assert_eq!(serve(&mut client, ticket_type).await, 1);
    assert_eq!(statuses(&client).await, "closed offered");
    assert_offers_kept(&client).await;
}

#[tokio::test]
async fn a_line_that_is_over_closes() {
    let (db, ticket_type, _) = sold_out(4, Mode::InOrder).await;
    let mut client = db.client().await;
    for (over, back) in [
        (
            "update ticket_types set waiting_list = 'off'",
            "update ticket_types set waiting_list = 'in_order'",
        ),
        (
            "update events set status = 'cancelled'",
            "update events set status = 'published'",
        ),
        (
            "update events set status = 'draft'",
            "update events set status = 'published'",
        ),
        (
            "update ticket_types set sales_end = '2030-01-01 12:00Z'",
            "update ticket_types set sales_end = null",
        ),
        (
            "update ticket_types set max_per_order = 2",
            "update ticket_types set max_per_order = 10",
        ),
    ] {
        let user = buyers(&client, 1).await[0];
        join(&mut client, user, ticket_type, 3).await.unwrap();
        assert_eq!(
            waiting_list::close_over(&client, at(0), 10).await.unwrap(),
            0,
            "before {over}"
        );
        db.run(over).await;
        assert_eq!(
            waiting_list::close_over(&client, at(0), 10).await.unwrap(),
            1,
            "{over}"
        );
        db.run(back).await;
    }
    assert_eq!(statuses(&client).await, "closed closed closed closed closed");
}

#[tokio::test]
async fn switched_off_a_list_is_over_at_once() {
    let (db, ticket_type, _) = sold_out(2, Mode::InOrder).await;
    let mut client = db.client().await;
    line(&mut client, ticket_type, &[1, 2]).await;
    let organizer = UserId::new(count(&client, "select organizer_id from events").await);
    let stranger = buyers(&client, 1).await[0];
    let tx = client.transaction().await.unwrap();
    let wish = Wish {
        mode: Mode::Off,
        claim: None,
    };
    let set = async |who| waiting_list::set(&tx, ticket_type, who, false, wish, at(0)).await;
    assert_eq!(code(set(stranger).await), "not_found");
    let (before, after, _) = set(organizer).await.unwrap();
    assert_eq!(
        (before.mode, after.mode, after.claim.get()),
        (Mode::InOrder, Mode::Off, 30)
    );
    tx.commit().await.unwrap();
    assert_eq!(statuses(&client).await, "closed closed");
}

#[tokio::test]
async fn what_dies_halfway_has_kept_and_told_nothing() {
    let (db, ticket_type, orders) = sold_out(2, Mode::InOrder).await;
    let mut client = db.client().await;
    line(&mut client, ticket_type, &[1]).await;
    release(&mut client, orders[0]).await;
    {
        let tx = client.transaction().await.unwrap();
        let random = runtime::random::hex::<16>;
        let served = waiting_list::serve(&tx, ticket_type, &random, at(0))
            .await
            .unwrap();
        assert!(matches!(served, Served::Offered(_)));
    }
    assert_eq!(statuses(&client).await, "waiting");
    assert_eq!(count(&client, "select count(*) from outbox").await, 0);
    assert_eq!(counters(&client, ticket_type).await.free(), 1);
    assert_eq!(serve(&mut client, ticket_type).await, 1);
}

/// Sixteen workers at once, again and again: everybody is offered their tickets once, and never more than there are.
#[tokio::test]
async fn workers_at_once_give_one_offer() {
    let (db, ticket_type, orders) = sold_out(20, Mode::InOrder).await;
    let mut client = db.client().await;
    line(&mut client, ticket_type, &[2, 1, 3, 1, 2, 4, 1, 1, 1]).await;
    for order in &orders[..10] {
        release(&mut client, *order).await;
    }
    let mut clients = connections(&db, 16).await;
    let mut made = 0;
    // Who finds another at work leaves the line to them, so a later run may have to finish it.
    for _ in 0..3 {
        let served = race(&mut clients, async |_, client| serve(client, ticket_type).await);
        made += served.await.into_iter().sum::<usize>();
    }
    assert_eq!(made, 5);
    assert_eq!(
        statuses(&client).await,
        "offered offered offered offered offered waiting waiting waiting waiting"
    );
    assert_eq!(counters(&client, ticket_type).await.free(), 1);
    assert_eq!(
        count(&client, "select count(*) from outbox where queue = 'mail'").await,
        5
    );
    assert_offers_kept(&client).await;
}

/// Fifty people try to buy, again and again, while stock comes back: not one of them gets it, and the line does.
#[tokio::test]
async fn walk_ins_do_not_pass_the_line() {
    for capacity in [1, 3, 600] {
        let (db, ticket_type, orders) = sold_out(capacity, Mode::InOrder).await;
        let mut client = db.client().await;
        let people = line(&mut client, ticket_type, &[1, 1]).await;
        let rows = cart_rows(&client, ticket_type, 50).await;
        let mut clients = connections(&db, 51).await;
        let released = AtomicBool::new(false);
        let answers = race(&mut clients, async |number, client| {
            if number == 50 {
                release(client, orders[0]).await;
                released.store(true, Ordering::SeqCst);
                return Vec::new();
            }
            let mut answers = Vec::new();
            let mut after = 0;
            while after < 3 {
                after += usize::from(released.load(Ordering::SeqCst));
                let tx = client.transaction().await.unwrap();
                let wanted = want(ticket_type, 1);
                answers.push(
                    stock::take(&tx, Owner::Cart(rows[number]), wanted, at(0))
                        .await
                        .unwrap(),
                );
                tx.commit().await.unwrap();
            }
            answers
        });
        let answers: Vec<_> = answers.await.into_iter().flatten().collect();
        assert!(answers.len() >= 150);
        assert!(
            answers.iter().all(|answer| *answer == Err(StockError::WaitedFor)),
            "somebody passed"
        );
        assert_eq!(serve(&mut client, ticket_type).await, 1);
        assert_eq!(cart_of(&mut client, people[0].0, ticket_type).await.unwrap().1, 1);
        assert_eq!(statuses(&client).await, "offered waiting");
        assert_offers_kept(&client).await;
    }
}

/// People join, leave, buy and let the time pass at once, while workers serve. The first in line are served first, nothing is sold
/// twice, and in the end the line has what there is.
#[tokio::test]
async fn a_crowd_is_served_in_the_order_in_which_it_joined() {
    let (db, ticket_type, orders) = sold_out(40, Mode::InOrder).await;
    let mut client = db.client().await;
    line(&mut client, ticket_type, &[1]).await;
    let users = buyers(&client, 12).await;
    let rows = cart_rows(&client, ticket_type, 8).await;
    let mut clients = connections(&db, 24).await;
    race(&mut clients, async |number, client| {
        let mut dice = Dice::new(number);
        for turn in 0..10 {
            match number {
                0..4 => {
                    if let Some(order) = orders.get(number * 10 + turn) {
                        release(client, *order).await;
                    }
                }
                4..16 => {
                    let user = users[number - 4];
                    if dice.below(4) == 0 {
                        let tx = client.transaction().await.unwrap();
                        db::users::lock_buyer(&tx, user).await.unwrap().unwrap();
                        waiting_list::leave(&tx, user, ticket_type, at(0)).await.unwrap();
                        tx.commit().await.unwrap();
                    } else if let Err(refused) = join(client, user, ticket_type, 1 + dice.below(4)).await {
                        assert!(
                            ["tickets_available", "limit_reached"].contains(&refused.code),
                            "{refused:?}"
                        );
                    }
                }
                16..22 => {
                    let tx = client.transaction().await.unwrap();
                    let wanted = want(ticket_type, 1 + dice.below(2));
                    let owner = Owner::Cart(rows[number - 16]);
                    let _ = stock::take(&tx, owner, wanted, at(0)).await.unwrap();
                    tx.commit().await.unwrap();
                }
                _ => {
                    serve(client, ticket_type).await;
                }
            }
        }
    })
    .await;
    serve(&mut client, ticket_type).await;
    // Nobody who joined later was offered something before somebody who waited at that time and still does.
    let passed =
        "select count(*) from waiting_entries a join waiting_entries b on b.ticket_type_id = a.ticket_type_id
                  where a.status = 'waiting' and b.offered_at is not null and b.id > a.id";
    assert_eq!(count(&client, passed).await, 0);
    let first = "select coalesce((select quantity::bigint from waiting_entries where status = 'waiting' order by id limit 1), 1000)";
    assert!(count(&client, first).await > counters(&client, ticket_type).await.free());
    assert_offers_kept(&client).await;
}

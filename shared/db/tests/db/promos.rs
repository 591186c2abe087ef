//! Redemptions of promo codes: counted once each, within their limits, whoever comes at the same moment.

use crate::payments::{apply, report};
use crate::support::{LATER, at, buyers, connections, on_sale, race};
use db::stock::{self, Owner, Want};
use db::{orders, payments, promos};
use domain::order::OrderStatus;
use domain::price::price;
use domain::promo_code::PromoCodes;
use domain::{Error, OrderId, TicketTypeId, UserId};
use testkit::{Rows, TestDb, line};
use tokio_postgres::Client;

fn codes(text: &str) -> PromoCodes {
    serde_json::from_value(text.into()).unwrap()
}

/// An order of one ticket with promo codes, as functions make it.
async fn order(
    client: &mut Client,
    buyer: UserId,
    ticket: TicketTypeId,
    names: &str,
) -> Result<OrderId, Error> {
    let tx = client.transaction().await.unwrap();
    db::users::lock_buyer(&tx, buyer).await.unwrap().unwrap();
    let used = promos::for_purchase(tx.client(), &codes(names), buyer, at(0)).await?;
    let terms: Vec<_> = used.iter().map(|stored| &stored.promo.terms).collect();
    let price = price(&[line(ticket, 150_000, 1)], &terms)?;
    let code = domain::order::code(runtime::random::bytes());
    let (order, lines) = orders::insert(&tx, &code, buyer, &price, at(900), at(0)).await?;
    let want = Want {
        ticket_type: ticket,
        quantity: 1,
        first_stripe: 0,
        until: at(LATER),
    };
    stock::take(&tx, Owner::Order(lines[0]), want, at(0))
        .await?
        .unwrap();
    payments::open(&tx, order.id, at(30), at(0)).await?;
    promos::redeem(&tx, order.id, buyer, &used, &price, at(0)).await?;
    tx.commit().await.unwrap();
    Ok(order.id)
}

/// Ends an order unpaid, as the janitor does.
async fn end(client: &mut Client, order: OrderId) {
    let tx = client.transaction().await.unwrap();
    let locked = orders::lock(&tx, order).await.unwrap().unwrap();
    if locked.status == OrderStatus::Pending {
        orders::set_status(&tx, order, OrderStatus::Expired, at(900))
            .await
            .unwrap();
        stock::release_order(&tx, order).await.unwrap();
    }
    promos::give_back(&tx, &locked, at(900)).await.unwrap();
    tx.commit().await.unwrap();
}

/// How often each code counts as used, and the statuses of all redemptions, by code and order.
async fn uses(db: &TestDb) -> String {
    db.text(
        "select string_agg(p.code || ' ' || p.redeemed || coalesce(': ' || r.statuses, ''), '; ' order by p.code)
         from promo_codes p left join lateral (
             select string_agg(status, ' ' order by order_id) as statuses from promo_redemptions where promo_id = p.id
         ) r on true",
    )
    .await
}

/// Codes whose counter is not the number of redemptions that count, or is above the limit.
async fn wrong(db: &TestDb) -> i64 {
    db.count(
        "select count(*) from promo_codes p where p.redeemed > p.total_limit or p.redeemed <> (
             select count(*) from promo_redemptions r where r.promo_id = p.id and r.status = 'taken')",
    )
    .await
}

#[tokio::test]
async fn a_redemption_is_given_back_once_and_can_be_taken_by_another() {
    let (db, ticket) = on_sale(10).await;
    Rows(&db).promo("LAST", "total_limit = 1").await;
    let mut client = db.client().await;
    let buyers = buyers(&client, 2).await;
    let first = order(&mut client, buyers[0], ticket, "LAST").await.unwrap();
    let refused = order(&mut client, buyers[1], ticket, "LAST").await.unwrap_err();
    assert_eq!(refused.code, "promo_used_up");
    let mut clients = connections(&db, 8).await;
    race(&mut clients, async |_, client| end(client, first).await).await;
    assert_eq!(uses(&db).await, "LAST 0: returned");
    order(&mut client, buyers[1], ticket, "LAST").await.unwrap();
    assert_eq!(uses(&db).await, "LAST 1: returned taken");
    end(&mut client, first).await;
    assert_eq!(uses(&db).await, "LAST 1: returned taken");
}

#[tokio::test]
async fn money_that_comes_late_keeps_its_price_and_counts_while_it_can() {
    let (db, ticket) = on_sale(10).await;
    Rows(&db).promo("LAST", "total_limit = 1").await;
    let mut client = db.client().await;
    let buyers = buyers(&client, 3).await;
    let first = order(&mut client, buyers[0], ticket, "LAST").await.unwrap();
    end(&mut client, first).await;
    let late = apply(
        &mut client,
        first,
        &report("t1", "settlement", "135000.00"),
        1_000,
    )
    .await;
    assert_eq!(late.order, OrderStatus::Paid);
    assert_eq!(uses(&db).await, "LAST 1: taken");

    db.run("update promo_codes set total_limit = 2").await;
    let second = order(&mut client, buyers[1], ticket, "LAST").await.unwrap();
    end(&mut client, second).await;
    order(&mut client, buyers[2], ticket, "LAST").await.unwrap();
    let late = apply(
        &mut client,
        second,
        &report("t2", "settlement", "135000.00"),
        1_000,
    )
    .await;
    assert_eq!(late.order, OrderStatus::Paid);
    assert_eq!(uses(&db).await, "LAST 2: taken beyond taken");
    assert_eq!(wrong(&db).await, 0);
}

#[tokio::test]
async fn what_cannot_be_delivered_gives_its_redemption_back() {
    let (db, ticket) = on_sale(10).await;
    Rows(&db).promo("EARLY", "total_limit = 5").await;
    let mut client = db.client().await;
    let buyers = buyers(&client, 2).await;
    let cancelled = order(&mut client, buyers[0], ticket, "EARLY").await.unwrap();
    let wrong_amount = order(&mut client, buyers[1], ticket, "EARLY").await.unwrap();
    let applied = apply(&mut client, wrong_amount, &report("t1", "settlement", "1.00"), 1).await;
    assert_eq!(applied.order, OrderStatus::Disputed);
    assert_eq!(uses(&db).await, "EARLY 1: taken returned");
    db.run("update events set status = 'cancelled'").await;
    let applied = apply(
        &mut client,
        cancelled,
        &report("t2", "settlement", "135000.00"),
        2,
    )
    .await;
    assert_eq!(applied.order, OrderStatus::RefundDue);
    assert_eq!(uses(&db).await, "EARLY 0: returned returned");
}

#[tokio::test]
async fn of_many_late_payments_as_many_count_as_the_limit_lets() {
    let (db, ticket) = on_sale(100).await;
    Rows(&db).promo("LAST", "total_limit = 16").await;
    let mut client = db.client().await;
    let buyers = buyers(&client, 32).await;
    let mut late = Vec::new();
    for buyer in &buyers[..16] {
        late.push(order(&mut client, *buyer, ticket, "LAST").await.unwrap());
    }
    for order in &late {
        end(&mut client, *order).await;
    }
    // Others order at the moment at which the money of the first ones comes.
    let mut clients = connections(&db, 32).await;
    race(&mut clients, async |number, client| match late.get(number) {
        Some(id) => {
            let words = format!("t{number}");
            apply(client, *id, &report(&words, "settlement", "135000.00"), 1_000).await;
        }
        None => {
            let made = order(client, buyers[number], ticket, "LAST").await;
            assert!(made.is_ok() || made.is_err_and(|error| error.code == "promo_used_up"));
        }
    })
    .await;
    assert_eq!(wrong(&db).await, 0);
    assert_eq!(db.count("select redeemed from promo_codes").await, 16);
    assert_eq!(
        db.count("select count(*) from orders where status = 'paid'")
            .await,
        16
    );
    assert_eq!(
        db.count("select count(*) from promo_redemptions where status = 'returned'")
            .await,
        0
    );
}

#[tokio::test]
async fn codes_that_are_taken_together_in_any_order_make_nobody_wait_in_a_circle() {
    let (db, ticket) = on_sale(1_000).await;
    for code in ["AAA", "BBB", "CCC"] {
        Rows(&db).promo(code, "stackable = true, percent = 100").await;
    }
    let client = db.client().await;
    let buyers = buyers(&client, 24).await;
    let mut clients = connections(&db, 24).await;
    let names = ["AAA,BBB,CCC", "CCC,BBB,AAA", "BBB,CCC,AAA"];
    race(&mut clients, async |number, client| {
        for turn in 0..4 {
            let made = order(client, buyers[number], ticket, names[(number + turn) % 3])
                .await
                .unwrap();
            if turn % 2 == 0 {
                end(client, made).await;
            }
        }
    })
    .await;
    assert_eq!(wrong(&db).await, 0);
    assert_eq!(db.count("select sum(redeemed) from promo_codes").await, 3 * 48);
}

#[tokio::test]
async fn a_code_that_changes_at_the_moment_is_not_used_with_its_old_terms() {
    let (db, ticket) = on_sale(10).await;
    let id = Rows(&db).promo("EARLY", "percent = 9000").await;
    let mut client = db.client().await;
    let buyer = buyers(&client, 1).await[0];
    let tx = client.transaction().await.unwrap();
    let used = promos::for_purchase(tx.client(), &codes("EARLY"), buyer, at(0))
        .await
        .unwrap();
    let price = price(&[line(ticket, 150_000, 1)], &[&used[0].promo.terms]).unwrap();
    let code = domain::order::code(runtime::random::bytes());
    let (order, _) = orders::insert(&tx, &code, buyer, &price, at(900), at(0))
        .await
        .unwrap();
    db.run(&format!(
        "update promo_codes set percent = 100, updated_at = '2030-01-01' where id = {id}"
    ))
    .await;
    let refused = promos::redeem(&tx, order.id, buyer, &used, &price, at(0))
        .await
        .unwrap_err();
    assert_eq!(refused.code, "promo_changed");
}

#[tokio::test]
async fn the_schema_refuses_a_use_too_many_whatever_a_program_does() {
    let (db, _) = on_sale(10).await;
    Rows(&db).promo("LAST", "total_limit = 1").await;
    let client = db.client().await;
    client
        .execute("update promo_codes set redeemed = 1", &[])
        .await
        .unwrap();
    let refused = client
        .execute("update promo_codes set redeemed = 2", &[])
        .await
        .unwrap_err();
    assert_eq!(
        refused.as_db_error().unwrap().constraint(),
        Some("promo_codes_within_limit")
    );
    let below = client
        .execute("update promo_codes set redeemed = -1", &[])
        .await
        .unwrap_err();
    assert_eq!(
        below.as_db_error().unwrap().constraint(),
        Some("promo_codes_redeemed_check")
    );
}

//! Seats in the cart: chosen, the best that are left, given back, and handed to the order.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use cart::{App, router};
use domain::TicketTypeId;
use domain::user::Role;
use runtime::{Clock, Env};
use serde_json::{Value, json};
use std::num::NonZeroU32;
use testkit::{Api, Reply, Rows, TestDb, TestTokens, start};
use web::Site;

const CART: &str = "/api/v1/cart";

/// Two rows of six seats: 1 to 6 in A, the last one for a wheelchair, and 7 to 12 in B.
fn two_rows() -> Value {
    json!([
        {"label": "A", "seats": [{"from": 1, "to": 5}, {"label": "6", "accessible": true}]},
        {"label": "B", "seats": [{"from": 1, "to": 6}]},
    ])
}

struct House {
    db: TestDb,
    clock: Clock,
    ticket: TicketTypeId,
}

impl House {
    async fn new(rows: Value, no_single_seats: bool) -> Self {
        let db = TestDb::new().await;
        let ticket = Rows(&db).on_sale(150_000, 5).await;
        Rows(&db).seats(ticket, rows, no_single_seats).await;
        let clock = Clock::set_to(start());
        Self { db, clock, ticket }
    }

    fn api(&self) -> Api {
        let app = App {
            db: self.db.db(),
            store: kv::Store::in_memory(),
            caller_factor: NonZeroU32::MIN,
            queue: queue::Publisher::in_memory(),
            tokens: TestTokens::checker(),
            clock: self.clock.clone(),
            hold_seconds: 600,
            payment_seconds: 900,
        };
        Api::new(router(app, Site::from_env(&Env::default())))
    }

    async fn buyer(&self, name: &str) -> String {
        let id = Rows(&self.db).buyer(&format!("{name}@example.test")).await;
        TestTokens::of(id, Role::User, &self.clock)
    }

    async fn add(&self, api: &Api, token: &str, more: Value) -> Reply {
        let mut body = json!({"ticketId": self.ticket});
        body.as_object_mut()
            .unwrap()
            .append(&mut more.as_object().unwrap().clone());
        api.post(CART, Some(token), body).await
    }

    async fn change(&self, api: &Api, token: &str, item: &Value, body: Value) -> Reply {
        let path = format!("{CART}/{}", item["id"]);
        api.call("PATCH", &path, Some(token), Some(body)).await
    }

    /// Which seats are held.
    async fn held(&self) -> Vec<i64> {
        let mut held = Vec::new();
        for seat in 1..=12 {
            let sql =
                format!("select count(*) from seat_stock where number = {seat} and held_until is not null");
            if self.db.count(&sql).await == 1 {
                held.push(seat);
            }
        }
        held
    }
}

/// The ids of the seats of a row of the cart.
fn ids(item: &Value) -> Vec<i64> {
    let seats = item["seats"].as_array().unwrap();
    seats.iter().map(|seat| seat["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn whoever_chooses_seats_has_them_and_nobody_else() {
    let t = House::new(two_rows(), false).await;
    let (api, ayu, budi) = (t.api(), t.buyer("ayu").await, t.buyer("budi").await);
    let item = t.add(&api, &ayu, json!({"seatIds": [3, 2]})).await.data(201);
    assert_eq!(
        (&item["quantity"], &item["seats"]),
        (
            &json!(2),
            &json!([
                {"id": 2, "section": "Floor", "row": "A", "seat": "2"},
                {"id": 3, "section": "Floor", "row": "A", "seat": "3"},
            ])
        )
    );
    assert_eq!(
        (&item["ticket"]["seated"], &item["ticket"]["quantity"]),
        (&json!(true), &json!(10))
    );

    // One that is free does not come without the one that is taken.
    assert_eq!(
        t.add(&api, &budi, json!({"seatIds": [3, 4]})).await.error(409),
        "seat_taken"
    );
    assert_eq!(t.held().await, [2, 3]);
    // A second click asks for what is there already.
    let again = t.add(&api, &ayu, json!({"seatIds": [2, 3]})).await.data(201);
    assert_eq!((&again["id"], &again["quantity"]), (&item["id"], &json!(2)));
    let more = t
        .add(&api, &ayu, json!({"seatIds": [4], "quantity": 1}))
        .await
        .data(201);
    assert_eq!(ids(&more), [2, 3, 4]);
    let cart = api.get(CART, Some(&ayu)).await.data(200);
    assert_eq!(ids(&cart["items"][0]), [2, 3, 4]);
    assert_eq!(cart["total"], 450_000);

    // What is kept too long is whoever's wants it next; to ask for it again is too late then.
    t.clock.advance(601);
    t.add(&api, &budi, json!({"seatIds": [3, 4]})).await.data(201);
    assert_eq!(t.held().await, [2, 3, 4]);
    let refused = api.call("POST", "/api/v1/cart/checkout", Some(&ayu), None).await;
    assert_eq!(refused.error(409), "seat_taken");
    assert_eq!(
        t.change(&api, &ayu, &item, json!({"quantity": 3}))
            .await
            .error(409),
        "seat_taken"
    );
    let other = t
        .change(&api, &ayu, &item, json!({"seatIds": [2, 5]}))
        .await
        .data(200);
    assert_eq!(ids(&other), [2, 5]);
    assert_eq!(t.held().await, [2, 3, 4, 5]);
}

#[tokio::test]
async fn a_quantity_alone_gets_the_best_that_are_left() {
    let t = House::new(two_rows(), false).await;
    let (api, ayu, budi) = (t.api(), t.buyer("ayu").await, t.buyer("budi").await);
    let first = ids(&t.add(&api, &ayu, json!({"quantity": 3})).await.data(201));
    assert!(first.windows(2).all(|two| two[1] == two[0] + 1), "{first:?}");
    assert!(
        first.iter().all(|seat| *seat <= 5),
        "the front row first: {first:?}"
    );
    let other = ids(&t.add(&api, &budi, json!({"quantity": 4})).await.data(201));
    assert!(other.windows(2).all(|two| two[1] == two[0] + 1), "{other:?}");
    assert!(other.iter().all(|seat| *seat >= 7), "{other:?}");
    // Four are left without the one for a wheelchair, which nobody gets unasked.
    assert_eq!(
        t.add(&api, &budi, json!({"quantity": 5})).await.error(409),
        "held_by_others"
    );
    let rest = ids(&t.add(&api, &budi, json!({"quantity": 4})).await.data(201));
    assert_eq!(rest.len(), 8);
    assert_eq!(t.held().await, [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12]);
    let wheels = t
        .add(&api, &ayu, json!({"quantity": 1, "accessible": true}))
        .await
        .data(201);
    assert!(ids(&wheels).contains(&6), "{wheels}");
}

#[tokio::test]
async fn a_row_of_the_cart_is_brought_to_other_seats() {
    let t = House::new(two_rows(), false).await;
    let (api, ayu) = (t.api(), t.buyer("ayu").await);
    let item = t.add(&api, &ayu, json!({"seatIds": [7, 8, 9]})).await.data(201);
    for (body, seats) in [
        (json!({"seatIds": [8, 9, 10]}), vec![8, 9, 10]),
        (json!({"quantity": 2}), vec![8, 9]),
        (json!({"seatIds": [1]}), vec![1]),
        (json!({"seatIds": [1]}), vec![1]),
    ] {
        let changed = t.change(&api, &ayu, &item, body).await.data(200);
        assert_eq!((ids(&changed), t.held().await), (seats.clone(), seats.clone()));
        assert_eq!(changed["quantity"], seats.len());
    }
    let grown = t
        .change(&api, &ayu, &item, json!({"quantity": 3}))
        .await
        .data(200);
    assert_eq!(ids(&grown), [1, 2, 3], "beside the one that is there");
    assert_eq!(t.held().await, ids(&grown));
    api.call("DELETE", &format!("{CART}/{}", item["id"]), Some(&ayu), None)
        .await
        .data(200);
    assert!(t.held().await.is_empty());
}

#[tokio::test]
async fn seats_for_wheelchairs_are_for_those_who_ask_for_them() {
    let t = House::new(two_rows(), false).await;
    let (api, ayu) = (t.api(), t.buyer("ayu").await);
    assert_eq!(
        t.add(&api, &ayu, json!({"seatIds": [5, 6]})).await.error(409),
        "seat_accessible"
    );
    assert!(t.held().await.is_empty());
    let body = json!({"seatIds": [5, 6], "accessible": true});
    assert_eq!(ids(&t.add(&api, &ayu, body).await.data(201)), [5, 6]);
}

#[tokio::test]
async fn no_single_seat_is_left_where_the_organizer_does_not_want_it() {
    let t = House::new(two_rows(), true).await;
    let (api, ayu, budi) = (t.api(), t.buyer("ayu").await, t.buyer("budi").await);
    assert_eq!(
        t.add(&api, &ayu, json!({"seatIds": [8]})).await.error(409),
        "single_seat"
    );
    assert!(t.held().await.is_empty());
    let item = t.add(&api, &ayu, json!({"seatIds": [7]})).await.data(201);
    // Seat 8 would stand alone between this and what is chosen.
    assert_eq!(
        t.add(&api, &budi, json!({"seatIds": [9, 10]})).await.error(409),
        "single_seat"
    );
    assert_eq!(
        ids(&t.add(&api, &ayu, json!({"seatIds": [8]})).await.data(201)),
        [7, 8]
    );
    t.add(&api, &budi, json!({"seatIds": [9, 10]})).await.data(201);
    assert_eq!(t.held().await, [7, 8, 9, 10]);
    api.call("DELETE", &format!("{CART}/{}", item["id"]), Some(&ayu), None)
        .await
        .data(200);
}

#[tokio::test]
async fn seats_that_make_no_sense_are_refused() {
    let t = House::new(two_rows(), false).await;
    let (api, ayu) = (t.api(), t.buyer("ayu").await);
    for body in [
        json!({}),
        json!({"seatIds": []}),
        json!({"seatIds": [1, 1]}),
        json!({"seatIds": [0]}),
        json!({"seatIds": [-1]}),
        json!({"seatIds": [1.5]}),
        json!({"seatIds": ["first"]}),
        json!({"seatIds": 1}),
        json!({"seatIds": [1, 2], "quantity": 3}),
        json!({"seatIds": [99]}),
        json!({"seatIds": [1], "accessible": "perhaps"}),
    ] {
        assert_eq!(
            t.add(&api, &ayu, body.clone()).await.error(400),
            "invalid_input",
            "{body}"
        );
    }
    assert_eq!(
        t.add(&api, &ayu, json!({"quantity": 11})).await.error(409),
        "limit_reached"
    );
    let many: Vec<i64> = (1..=11).collect();
    assert_eq!(
        t.add(&api, &ayu, json!({"seatIds": many})).await.error(409),
        "limit_reached"
    );
    let item = t.add(&api, &ayu, json!({"seatIds": [1]})).await.data(201);
    for body in [
        json!({}),
        json!({"seatIds": [1], "quantity": 1}),
        json!({"seatIds": [99]}),
    ] {
        let refused = t.change(&api, &ayu, &item, body.clone()).await;
        assert_eq!(refused.error(400), "invalid_input", "{body}");
    }
    assert_eq!(t.held().await, [1]);
}

#[tokio::test]
async fn a_ticket_without_seats_has_none_to_choose() {
    let db = TestDb::new().await;
    let ticket = Rows(&db).on_sale(150_000, 5).await;
    let t = House {
        db,
        clock: Clock::set_to(start()),
        ticket,
    };
    let (api, ayu) = (t.api(), t.buyer("ayu").await);
    for body in [
        json!({"seatIds": [1]}),
        json!({"quantity": 1, "accessible": true}),
    ] {
        assert_eq!(t.add(&api, &ayu, body).await.error(400), "invalid_input");
    }
    let item = t.add(&api, &ayu, json!({"quantity": 1})).await.data(201);
    assert_eq!(item["seats"], Value::Null);
    let refused = t.change(&api, &ayu, &item, json!({"seatIds": [1]})).await;
    assert_eq!(refused.error(400), "invalid_input");
}

#[tokio::test]
async fn an_order_gets_the_seats_of_the_cart() {
    let t = House::new(two_rows(), false).await;
    let (api, ayu) = (t.api(), t.buyer("ayu").await);
    t.add(&api, &ayu, json!({"seatIds": [2, 3]})).await.data(201);
    let order = api
        .call("POST", "/api/v1/cart/checkout", Some(&ayu), None)
        .await
        .data(200);
    assert_eq!(
        order["items"][0]["seats"],
        json!([
            {"id": 2, "section": "Floor", "row": "A", "seat": "2"},
            {"id": 3, "section": "Floor", "row": "A", "seat": "3"},
        ])
    );
    assert_eq!(t.held().await, [2, 3]);
    let sql = "select count(*) from order_items where seats = array[2, 3] and quantity = 2";
    assert_eq!(t.db.count(sql).await, 1);
    let sql = "select count(*) from seat_stock where holder_is_order and held_until is not null";
    assert_eq!(t.db.count(sql).await, 2);
    // Seats of an order wait for its payment, however long a cart would have kept them.
    t.clock.advance(700);
    let budi = t.buyer("budi").await;
    assert_eq!(
        t.add(&api, &budi, json!({"seatIds": [2]})).await.error(409),
        "seat_taken"
    );
}

#[tokio::test]
async fn seats_that_are_waited_for_are_not_taken_past_the_line() {
    let t = House::new(json!([{"label": "A", "seats": [{"from": 1, "to": 2}]}]), false).await;
    let (api, ayu, budi, citra) = (
        t.api(),
        t.buyer("ayu").await,
        t.buyer("budi").await,
        t.buyer("citra").await,
    );
    t.db.run("update ticket_types set waiting_list = 'in_order'")
        .await;
    let line = format!("{CART}/waiting-list/{}", t.ticket);
    let join = json!({"quantity": 1});
    assert_eq!(
        api.call("PUT", &line, Some(&budi), Some(join.clone()))
            .await
            .error(409),
        "tickets_available"
    );
    let item = t.add(&api, &ayu, json!({"seatIds": [1, 2]})).await.data(201);
    let place = api.call("PUT", &line, Some(&budi), Some(join)).await.data(200);
    assert_eq!(place["position"], 1);
    let kept = t
        .change(&api, &ayu, &item, json!({"seatIds": [1]}))
        .await
        .data(200);
    assert_eq!(ids(&kept), [1]);
    // Seat 2 is free, and for the one who waits; neither by choice nor as the best does anybody else get it.
    for wish in [json!({"seatIds": [2]}), json!({"quantity": 1})] {
        for token in [&ayu, &citra] {
            let refused = t.add(&api, token, wish.clone()).await;
            assert!(
                refused.message().contains("waiting list"),
                "{}",
                refused.message()
            );
            assert_eq!(refused.error(409), "sold_out");
        }
    }
    assert_eq!(t.held().await, [1]);
}

#[tokio::test]
async fn of_thirty_who_click_the_same_seat_one_gets_it() {
    let t = House::new(two_rows(), false).await;
    let mut tokens = Vec::new();
    for number in 0..30 {
        tokens.push(t.buyer(&format!("buyer{number}")).await);
    }
    let apis: Vec<_> = tokens.iter().map(|_| t.api()).collect();
    let calls = apis.iter().zip(&tokens);
    let calls = calls.map(|(api, token)| t.add(api, token, json!({"seatIds": [3]})));
    let replies = futures_util::future::join_all(calls).await;
    let won = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(won, 1);
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        assert_eq!(reply.error(409), "seat_taken");
    }
    assert_eq!(t.held().await, [3]);
}

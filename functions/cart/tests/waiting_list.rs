//! Standing in line for what is sold out, and buying what is kept for whoever's turn it is.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use cart::{App, router};
use db::waiting_list::Served;
use domain::TicketTypeId;
use domain::user::Role;
use runtime::{Clock, Env};
use serde_json::{Value, json};
use std::num::NonZeroU32;
use testkit::{Api, Reply, Rows, TestDb, TestTokens, start};
use web::Site;

struct Setup {
    db: TestDb,
    clock: Clock,
    ticket: TicketTypeId,
    api: Api,
    /// Has bought all there is.
    ayu: String,
    /// Whose order it is.
    order: String,
}

impl Setup {
    /// Two tickets, sold, and a line for them.
    async fn new() -> Self {
        let db = TestDb::new().await;
        let rows = Rows(&db);
        let ticket = rows.on_sale(150_000, 2).await;
        db.run("update ticket_types set waiting_list = 'in_order'").await;
        let clock = Clock::set_to(start());
        let app = App {
            db: db.db(),
            store: kv::Store::in_memory(),
            caller_factor: NonZeroU32::MIN,
            queue: queue::Publisher::in_memory(),
            tokens: TestTokens::checker(),
            clock: clock.clone(),
            hold_seconds: 600,
            payment_seconds: 900,
        };
        let buyer = rows.buyer("ayu@example.test").await;
        let (order, _) = rows.bought(buyer, ticket, 2).await;
        Self {
            ayu: TestTokens::of(buyer, Role::User, &clock),
            api: Api::new(router(app, Site::from_env(&Env::default()))),
            order,
            db,
            clock,
            ticket,
        }
    }

    async fn buyer(&self, name: &str) -> String {
        let id = Rows(&self.db).buyer(&format!("{name}@example.test")).await;
        TestTokens::of(id, Role::User, &self.clock)
    }

    fn path(&self) -> String {
        format!("/api/v1/cart/waiting-list/{}", self.ticket)
    }

    async fn join(&self, token: &str, quantity: u32) -> Reply {
        let body = json!({"quantity": quantity});
        self.api.call("PUT", &self.path(), Some(token), Some(body)).await
    }

    async fn leave(&self, token: &str) -> Reply {
        self.api.call("DELETE", &self.path(), Some(token), None).await
    }

    async fn add(&self, token: &str, quantity: u32) -> Reply {
        let body = json!({"ticketId": self.ticket, "quantity": quantity});
        self.api.post("/api/v1/cart", Some(token), body).await
    }

    async fn places(&self, token: &str) -> Value {
        let event = "http/cart/list_lines.json";
        self.api.event(event, Some(token)).await.data(200)["entries"].clone()
    }

    async fn cart(&self, token: &str) -> Value {
        self.api.get("/api/v1/cart", Some(token)).await.data(200)["items"].clone()
    }

    /// So many of the tickets come back, as after a refund.
    async fn give_back(&self, quantity: u32) {
        let (order, sold) = (
            &self.order,
            format!("update ticket_stock set sold = sold - {quantity}"),
        );
        let sql = format!(
            "update issued_tickets set status = 'void', voided_at = now() where id in (
                 select x.id from issued_tickets x join order_items i on i.id = x.order_item_id join orders o on o.id = i.order_id
                 where o.code = '{order}' and x.status = 'valid' order by x.id limit {quantity}); {sold}"
        );
        self.db.run(&sql).await;
    }

    /// What the janitor does by the minute. How many it served.
    async fn serve(&self) -> usize {
        let (db, now) = (self.db.db(), self.clock.now());
        let mut conn = db.conn().await.unwrap();
        let mut served = 0;
        loop {
            let tx = conn.begin().await.unwrap();
            let random = runtime::random::hex::<16>;
            match db::waiting_list::serve(&tx, self.ticket, &random, now)
                .await
                .unwrap()
            {
                Served::Nobody => return served,
                Served::Passed => {}
                Served::Offered(_) => served += 1,
            }
            tx.commit().await.unwrap();
        }
    }

    async fn status(&self) -> String {
        let sql = "select string_agg(status, ' ' order by id) from waiting_entries";
        self.db.text(sql).await
    }

    async fn held(&self) -> i64 {
        self.db.count("select sum(held) from ticket_stock").await
    }
}

#[tokio::test]
async fn joining_tells_the_place_and_again_it_is_the_same() {
    let t = Setup::new().await;
    let (budi, citra) = (t.buyer("budi").await, t.buyer("citra").await);
    let place = t.api.event("http/cart/join_line.json", Some(&budi)).await;
    assert_eq!(place.message(), "You are on the waiting list");
    let place = place.data(200);
    assert_eq!(
        place,
        json!({
            "ticketId": t.ticket, "ticket": "Festival", "eventId": 1, "event": "Java Jazz", "quantity": 2, "status": "waiting",
            "position": 1, "joinedAt": "2030-01-01T12:00:00.000Z", "offeredUntil": null, "endedAt": null,
        })
    );
    assert_eq!(t.join(&citra, 1).await.data(200)["position"], 2);
    t.clock.advance(60);
    assert_eq!(t.join(&budi, 2).await.data(200), place);
    assert_eq!(t.places(&budi).await, json!([place]));
    assert_eq!(t.places(&t.ayu).await, json!([]));
    assert_eq!(t.db.count("select count(*) from waiting_entries").await, 2);
}

#[tokio::test]
async fn what_comes_back_is_for_the_line_until_the_time_is_over() {
    let t = Setup::new().await;
    let (budi, citra, walk_in) = (
        t.buyer("budi").await,
        t.buyer("citra").await,
        t.buyer("dewi").await,
    );
    t.join(&budi, 1).await.data(200);
    t.join(&citra, 1).await.data(200);
    t.give_back(1).await;
    let refused = t.add(&walk_in, 1).await;
    assert_eq!(refused.error(409), "sold_out");
    assert!(
        refused.message().contains("waiting list"),
        "{}",
        refused.message()
    );
    assert_eq!(
        t.add(&budi, 1).await.error(409),
        "sold_out",
        "nor is it for those in line before their turn"
    );
    assert_eq!(t.serve().await, 1);
    let place = t.places(&budi).await[0].clone();
    assert_eq!(
        (&place["status"], &place["offeredUntil"], &place["position"]),
        (
            &json!("offered"),
            &json!("2030-01-01T12:30:00.000Z"),
            &Value::Null
        )
    );
    let item = t.cart(&budi).await[0].clone();
    assert_eq!(
        (&item["quantity"], &item["reservedUntil"]),
        (&json!(1), &place["offeredUntil"])
    );
    assert_eq!(t.places(&citra).await[0]["position"], 1);
    // Changing the row moves the time neither forwards nor backwards.
    t.clock.advance(60);
    let path = format!("/api/v1/cart/{}", item["id"]);
    let same = t
        .api
        .call("PATCH", &path, Some(&budi), Some(json!({"quantity": 1})))
        .await;
    assert_eq!(same.data(200)["reservedUntil"], place["offeredUntil"]);
    let more = t
        .api
        .call("PATCH", &path, Some(&budi), Some(json!({"quantity": 2})))
        .await;
    assert_eq!(more.error(409), "sold_out");
    let order = t
        .api
        .call("POST", "/api/v1/cart/checkout", Some(&budi), None)
        .await
        .data(200);
    assert_eq!(order["items"][0]["quantity"], 1);
    assert_eq!(
        (t.status().await.as_str(), t.held().await),
        ("claimed waiting", 1)
    );
    assert_eq!(t.places(&budi).await[0]["status"], "claimed");
}

#[tokio::test]
async fn whoever_does_not_want_it_any_more_lets_the_next_have_it() {
    let t = Setup::new().await;
    let (budi, citra) = (t.buyer("budi").await, t.buyer("citra").await);
    t.join(&budi, 1).await.data(200);
    t.join(&citra, 1).await.data(200);
    t.give_back(1).await;
    t.serve().await;
    let path = format!("/api/v1/cart/{}", t.cart(&budi).await[0]["id"]);
    t.api.call("DELETE", &path, Some(&budi), None).await.data(200);
    assert_eq!((t.status().await.as_str(), t.held().await), ("left waiting", 0));
    t.serve().await;
    assert_eq!(t.status().await, "left offered");
    assert_eq!(t.leave(&citra).await.message(), "You have left the waiting list");
    assert_eq!((t.status().await.as_str(), t.held().await), ("left left", 0));
    assert_eq!(t.cart(&citra).await, json!([]));
    assert_eq!(t.leave(&citra).await.error(404), "not_found");
    let event = t.api.event("http/cart/leave_line.json", Some(&budi)).await;
    assert_eq!(event.error(404), "not_found");
    // Nobody waits, so what is left is for everybody, and for nobody to wait for.
    assert_eq!(t.join(&citra, 1).await.error(409), "tickets_available");
    t.add(&budi, 1).await.data(201);
}

#[tokio::test]
async fn a_wish_that_was_kept_before_becomes_part_of_the_offer() {
    let t = Setup::new().await;
    let budi = t.buyer("budi").await;
    t.give_back(1).await;
    t.add(&budi, 1).await.data(201);
    t.join(&budi, 1).await.data(200);
    t.give_back(1).await;
    assert_eq!(t.serve().await, 1);
    let item = t.cart(&budi).await[0].clone();
    assert_eq!(
        (&item["quantity"], &item["reservedUntil"]),
        (&json!(2), &json!("2030-01-01T12:30:00.000Z"))
    );
    assert_eq!(t.held().await, 2);
}

#[tokio::test]
async fn a_reservation_after_the_offer_is_one_like_any_other() {
    let t = Setup::new().await;
    let budi = t.buyer("budi").await;
    t.join(&budi, 1).await.data(200);
    t.give_back(1).await;
    t.serve().await;
    let item = t.cart(&budi).await[0].clone();
    // The time is over, and the sweep has given the ticket back.
    t.clock.advance(1_800);
    t.db.run("delete from holds; update ticket_stock set held = 0")
        .await;
    let path = format!("/api/v1/cart/{}", item["id"]);
    let kept = t
        .api
        .call("PATCH", &path, Some(&budi), Some(json!({"quantity": 1})))
        .await;
    assert_eq!(kept.data(200)["reservedUntil"], "2030-01-01T12:40:00.000Z");
    assert_eq!(
        t.db.count("select count(*) from cart_items where offered_until is null")
            .await,
        1
    );
}

#[tokio::test]
async fn refusals_say_why_and_nobody_is_in_line() {
    let t = Setup::new().await;
    let budi = t.buyer("budi").await;
    assert_eq!(
        t.join(&budi, 3).await.error(409),
        "limit_reached",
        "there are two in all"
    );
    assert_eq!(t.join(&budi, 0).await.error(400), "invalid_input");
    assert_eq!(t.join("forged", 1).await.error(401), "unauthenticated");
    let nothing = t.api.call(
        "PUT",
        "/api/v1/cart/waiting-list/999",
        Some(&budi),
        Some(json!({"quantity": 1})),
    );
    assert_eq!(nothing.await.error(404), "not_found");
    for (sql, back, code) in [
        (
            "update ticket_types set waiting_list = 'off'",
            "update ticket_types set waiting_list = 'in_order'",
            "waiting_list_off",
        ),
        (
            "update ticket_types set min_per_order = 2",
            "update ticket_types set min_per_order = 1",
            "below_minimum",
        ),
        (
            "update events set status = 'cancelled'",
            "update events set status = 'published'",
            "sales_closed",
        ),
        (
            "update users set is_guest = true",
            "update users set is_guest = false",
            "account_required",
        ),
        (
            "update ticket_stock set sold = 1",
            "update ticket_stock set sold = 2",
            "tickets_available",
        ),
    ] {
        t.db.run(sql).await;
        assert_eq!(t.join(&budi, 1).await.error(409), code);
        t.db.run(back).await;
    }
    t.db.run("update ticket_types set max_per_user = 2").await;
    assert_eq!(
        t.join(&t.ayu, 1).await.error(409),
        "limit_reached",
        "they have bought two"
    );
    assert_eq!(t.db.count("select count(*) from waiting_entries").await, 0);
}

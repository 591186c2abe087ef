//! What a cart costs, with promo codes and without: what is shown is what is charged, and a code is used as often as it may be.

use cart::{App, router};
use domain::user::Role;
use domain::{TicketTypeId, UserId};
use futures_util::future::join_all;
use runtime::{Clock, Env};
use serde_json::{Value, json};
use std::num::NonZeroU32;
use testkit::{Api, Reply, Rows, TestDb, TestTokens, start, twins};
use web::Site;

const CART: &str = "/api/v1/cart";
const CHECKOUT: &str = "/api/v1/cart/checkout";

struct Setup {
    db: TestDb,
    clock: Clock,
    ticket: TicketTypeId,
}

impl Setup {
    async fn new(capacity: u32) -> Self {
        let db = TestDb::new().await;
        let ticket = Rows(&db).on_sale(150_000, capacity).await;
        Self {
            db,
            clock: Clock::set_to(start()),
            ticket,
        }
    }

    /// A function with a connection of its own, as an execution environment has.
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

    /// A buyer with this many tickets in the cart.
    async fn buyer(&self, api: &Api, name: &str, quantity: u32) -> (UserId, String) {
        let id = Rows(&self.db).buyer(&format!("{name}@example.test")).await;
        let token = TestTokens::of(id, Role::User, &self.clock);
        let body = json!({"ticketId": self.ticket, "quantity": quantity});
        api.post(CART, Some(&token), body).await.data(201);
        (id, token)
    }

    /// How often each code was used.
    async fn redeemed(&self) -> String {
        self.db
            .text("select string_agg(redeemed::text, ' ' order by id) from promo_codes")
            .await
    }

    /// Codes whose counter is not the number of their redemptions, or is above their limit, and orders whose lines or codes do
    /// not add up.
    async fn wrong(&self) -> i64 {
        self.db
            .count(
                "select (select count(*) from promo_codes p where p.redeemed > p.total_limit or p.redeemed <> (
                            select count(*) from promo_redemptions r where r.promo_id = p.id and r.status = 'taken'))
                      + (select count(*) from orders o
                         cross join lateral (
                             select sum(unit_price * quantity) as subtotal, sum(discount) as discount, sum(fee) as fee,
                                    sum(tax) as tax, sum(charged) as total
                             from order_items where order_id = o.id
                         ) i
                         cross join lateral (
                             select coalesce(sum(discount), 0) as discount from promo_redemptions where order_id = o.id
                         ) r
                         where (o.subtotal, o.discount, o.fee, o.tax, o.total)
                                   <> (i.subtotal, i.discount, i.fee, i.tax, i.total)
                            or o.discount <> r.discount)",
            )
            .await
    }
}

async fn checkout(api: &Api, token: &str, codes: &str) -> Reply {
    api.post(CHECKOUT, Some(token), json!({"promoCode": codes})).await
}

async fn preview(api: &Api, token: &str, codes: &str) -> Reply {
    api.get(&format!("{CART}?promoCode={codes}"), Some(token)).await
}

#[tokio::test]
async fn what_is_shown_is_what_is_charged() {
    let t = Setup::new(10).await;
    t.db.run("update events set service_fee = 2500, tax_rate = 1100")
        .await;
    Rows(&t.db).promo("EARLY", "percent = 1250").await;
    let api = t.api();
    let (_, token) = t.buyer(&api, "ayu", 3).await;

    let plain = api.get(CART, Some(&token)).await.data(200);
    assert_eq!(
        (&plain["total"], &plain["totalItems"]),
        (&json!(450_000), &json!(1))
    );
    let priced = json!({
        "subtotal": 450_000, "discount": 0, "fee": 7_500, "tax": 50_325, "total": 507_825, "promoCodes": [],
    });
    assert_eq!(plain["price"], priced);

    let shown = preview(&api, &token, "early").await.data(200);
    let priced = json!({
        "subtotal": 450_000, "discount": 56_250, "fee": 7_500, "tax": 44_138, "total": 445_388,
        "promoCodes": [{"code": "EARLY", "discount": 56_250}],
    });
    assert_eq!((&shown["total"], &shown["price"]), (&json!(450_000), &priced));

    let order = checkout(&api, &token, " early ").await.data(200);
    for sum in ["subtotal", "discount", "fee", "tax", "total"] {
        assert_eq!(order[sum], shown["price"][sum], "{sum}");
    }
    assert_eq!(order["promoCodes"], json!(["EARLY"]));
    assert_eq!(order["items"][0]["charged"], 445_388);
    assert_eq!(t.redeemed().await, "1");
    assert_eq!(t.wrong().await, 0);
}

#[tokio::test]
async fn refusals_say_why_and_change_nothing() {
    let t = Setup::new(100).await;
    let rows = Rows(&t.db);
    let other = rows.user("other@example.test", Role::Organizer).await;
    for (code, changes) in [
        ("OVER", "valid_to = '2030-01-01T11:59:59Z'".to_owned()),
        ("LATER", "valid_from = '2030-01-01T12:00:01Z'".to_owned()),
        ("DELETED", "deleted_at = now()".to_owned()),
        ("FOREIGN", format!("organizer_id = {other}")),
        ("SCOPED", "event_ids = array[999]".to_owned()),
        ("LARGE", "min_spend = 450001".to_owned()),
        ("USEDUP", "total_limit = 1, redeemed = 1".to_owned()),
        ("ALONE", String::from("stackable = false")),
        ("TOGETHER", String::from("stackable = true")),
        ("TINY", "percent = 1, cap = 1".to_owned()),
    ] {
        rows.promo(code, &changes).await;
    }
    t.db.run(
        "insert into promo_campaigns (name, starts_at, ends_at, created_at, updated_at)
         values ('Over', '2029-01-01', '2029-12-31', now(), now());
         insert into promo_codes (code, campaign_id, percent, valid_from, valid_to, created_at, updated_at)
         select 'ENDED', id, 1000, '2029-12-01', '2030-02-01', now(), now() from promo_campaigns",
    )
    .await;
    let api = t.api();
    let (_, token) = t.buyer(&api, "ayu", 3).await;
    for (codes, status, code) in [
        ("NOBODYS", 400, "invalid_promo"),
        ("DELETED", 400, "invalid_promo"),
        ("OVER", 400, "promo_not_valid_now"),
        ("LATER", 400, "promo_not_valid_now"),
        ("ENDED", 400, "promo_not_valid_now"),
        ("FOREIGN", 400, "promo_not_applicable"),
        ("SCOPED", 400, "promo_not_applicable"),
        ("LARGE", 400, "promo_below_minimum"),
        ("USEDUP", 409, "promo_used_up"),
        ("ALONE,TOGETHER", 400, "promo_not_combinable"),
        ("TOGETHER,NOBODYS", 400, "invalid_promo"),
        ("%21%21", 400, "invalid_input"),
        ("A,B,C,D", 400, "invalid_input"),
    ] {
        assert_eq!(preview(&api, &token, codes).await.error(status), code, "{codes}");
        assert_eq!(checkout(&api, &token, codes).await.error(status), code, "{codes}");
    }
    for hostile in [
        json!(7),
        json!(["TINY"]),
        json!({"code": "TINY"}),
        json!("'; drop table promo_codes"),
        json!(true),
    ] {
        let reply = api
            .post(CHECKOUT, Some(&token), json!({"promoCode": hostile.clone()}))
            .await;
        assert_eq!(reply.error(400), "invalid_input", "{hostile}");
    }
    assert_eq!(t.db.count("select count(*) from orders").await, 0);
    assert_eq!(t.db.count("select count(*) from promo_redemptions").await, 0);
    assert_eq!(t.db.count("select sum(held) from ticket_stock").await, 3);
    // The least that a code can take off is a rupiah.
    assert_eq!(checkout(&api, &token, "TINY").await.data(200)["total"], 449_999);
}

#[tokio::test]
async fn codes_are_combined_in_their_order_if_all_may_be() {
    let t = Setup::new(10).await;
    let rows = Rows(&t.db);
    rows.promo("HALF", "percent = 5000, stackable = true").await;
    rows.promo("FIFTY", "percent = null, amount = 50000, stackable = true")
        .await;
    let api = t.api();
    let (_, token) = t.buyer(&api, "ayu", 1).await;
    let total = async |codes| preview(&api, &token, codes).await.data(200)["price"]["total"].clone();
    assert_eq!(total("HALF,FIFTY").await, 25_000);
    assert_eq!(total("FIFTY,HALF").await, 50_000);
    let order = checkout(&api, &token, "FIFTY,HALF,fifty").await.data(200);
    assert_eq!(
        (&order["total"], &order["promoCodes"]),
        (&json!(50_000), &json!(["FIFTY", "HALF"]))
    );
    assert_eq!(t.redeemed().await, "1 1");
    assert_eq!(t.wrong().await, 0);
}

#[tokio::test]
async fn a_first_purchase_is_the_first_that_was_not_given_up() {
    let t = Setup::new(10).await;
    Rows(&t.db).promo("WELCOME", "first_purchase_only = true").await;
    let api = t.api();
    let (_, token) = t.buyer(&api, "ayu", 1).await;
    checkout(&api, &token, "").await.data(200);
    let again = json!({"ticketId": t.ticket, "quantity": 1});
    api.post(CART, Some(&token), again).await.data(201);
    assert_eq!(
        checkout(&api, &token, "WELCOME").await.error(400),
        "promo_first_purchase"
    );
    t.db.run("update orders set status = 'expired'").await;
    checkout(&api, &token, "WELCOME").await.data(200);
}

#[tokio::test]
async fn a_second_use_beyond_the_limit_of_a_buyer_is_refused() {
    let t = Setup::new(10).await;
    Rows(&t.db).promo("ONCE", "user_limit = 1").await;
    let api = t.api();
    let (_, token) = t.buyer(&api, "ayu", 1).await;
    checkout(&api, &token, "ONCE").await.data(200);
    api.post(CART, Some(&token), json!({"ticketId": t.ticket, "quantity": 1}))
        .await
        .data(201);
    assert_eq!(
        checkout(&api, &token, "ONCE").await.error(409),
        "promo_limit_reached"
    );
    let (id, other) = t.buyer(&api, "budi", 1).await;
    let guest = async |is: bool| {
        t.db.run(&format!("update users set is_guest = {is} where id = {id}"))
            .await;
    };
    guest(true).await;
    assert_eq!(
        checkout(&api, &other, "ONCE").await.error(409),
        "account_required"
    );
    guest(false).await;
    checkout(&api, &other, "ONCE").await.data(200);
}

#[tokio::test]
async fn of_fifty_buyers_one_gets_the_last_redemption() {
    let t = Setup::new(100).await;
    Rows(&t.db).promo("LAST", "total_limit = 3, redeemed = 0").await;
    let apis: Vec<_> = (0..16).map(|_| t.api()).collect();
    for buyer in 0..2 {
        let (_, token) = t.buyer(&apis[0], &format!("early{buyer}"), 1).await;
        checkout(&apis[0], &token, "LAST").await.data(200);
    }
    let mut tokens = Vec::new();
    for buyer in 0..50 {
        tokens.push(t.buyer(&apis[buyer % 16], &format!("buyer{buyer}"), 1).await.1);
    }
    let racing = tokens.iter().zip(apis.iter().cycle());
    let replies = join_all(racing.map(async |(token, api)| checkout(api, token, "LAST").await)).await;
    let won = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(won, 1);
    for lost in replies.iter().filter(|reply| reply.status != 200) {
        assert_eq!(lost.error(409), "promo_used_up");
    }
    assert_eq!(t.redeemed().await, "3");
    assert_eq!(t.wrong().await, 0);
    // Who lost keeps the cart.
    assert_eq!(t.db.count("select count(*) from cart_items").await, 49);
}

#[tokio::test]
async fn twins_of_a_checkout_use_a_code_once() {
    let t = Setup::new(10).await;
    Rows(&t.db).promo("EARLY", "total_limit = 100").await;
    let apis: Vec<_> = (0..8).map(|_| t.api()).collect();
    let (_, token) = t.buyer(&apis[0], "ayu", 2).await;
    let replies = twins(&apis, CHECKOUT, &token, "key", &json!({"promoCode": "EARLY"})).await;
    let first: Value = replies[0].data(200);
    for reply in &replies {
        assert_eq!(reply.data(200), first);
    }
    assert_eq!(t.redeemed().await, "1");
    assert_eq!(t.wrong().await, 0);
}

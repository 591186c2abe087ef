//! A platform with an admin and somebody who buys.

use crate::environment::api;
use db::stock::{self, Owner, Want};
use domain::price::price;
use domain::user::{Email, Role};
use domain::{OrderId, TicketTypeId, Timestamp, UserId};
use runtime::Clock;
use serde_json::{Value, json};
use testkit::{Api, Reply, Rows, TestDb, TestTokens, line, start};

pub const USERS: &str = "/api/v1/users";

pub struct Setup {
    pub db: TestDb,
    pub api: Api,
    pub clock: Clock,
    /// Account 1, who buys.
    pub id: UserId,
    pub token: String,
    pub admin_id: UserId,
    pub admin: String,
}

pub async fn setup() -> Setup {
    let (db, clock) = (TestDb::new().await, Clock::set_to(start()));
    let rows = Rows(&db);
    let id = rows.buyer("ayu@example.test").await;
    let admin_id = rows.user("admin@example.test", Role::Admin).await;
    Setup {
        api: api(&db, &clock),
        token: TestTokens::of(id, Role::User, &clock),
        admin: TestTokens::of(admin_id, Role::Admin, &clock),
        id,
        admin_id,
        clock,
        db,
    }
}

impl Setup {
    pub fn another_api(&self) -> Api {
        api(&self.db, &self.clock)
    }

    /// Lets the function find out that a session goes on, which it then trusts for ten seconds.
    pub async fn trust(&self, token: &str) {
        self.api.get(&format!("{USERS}/me"), Some(token)).await.data(200);
    }

    pub fn rows(&self) -> Rows<'_> {
        Rows(&self.db)
    }

    pub fn token(&self, id: UserId, role: Role) -> String {
        TestTokens::of(id, role, &self.clock)
    }

    pub async fn delete(&self, id: UserId, token: &str) -> Reply {
        delete(&self.api, id, token).await
    }

    pub async fn give(&self, id: UserId, token: &str, role: Role) -> Reply {
        give(&self.api, id, token, json!({"role": role})).await
    }

    /// An account as PostgreSQL writes its row.
    pub async fn row(&self, id: UserId) -> String {
        self.db
            .text(&format!("select u::text from users u where id = {id}"))
            .await
    }

    /// All rows of a table as PostgreSQL writes them.
    pub async fn table(&self, name: &str) -> String {
        let sql = format!("select coalesce(string_agg(t::text, '\n' order by id), '') from {name} t");
        self.db.text(&sql).await
    }
}

pub async fn delete(api: &Api, id: UserId, token: &str) -> Reply {
    api.call("DELETE", &format!("{USERS}/{id}"), Some(token), None)
        .await
}

pub async fn give(api: &Api, id: UserId, token: &str, body: Value) -> Reply {
    api.call("PATCH", &format!("{USERS}/{id}/role"), Some(token), Some(body))
        .await
}

/// Puts tickets into a cart as `POST /cart` does. `false` if the account may not buy.
pub async fn put_into_cart(db: &db::Db, user: UserId, ticket: TicketTypeId, quantity: u32) -> bool {
    let until = start().plus_seconds(600);
    let mut conn = db.conn().await.unwrap();
    let tx = conn.begin().await.unwrap();
    if db::users::lock_buyer(&tx, user).await.unwrap().is_none() {
        return false;
    }
    let item = db::cart::insert(&tx, user, ticket, quantity, until, start())
        .await
        .unwrap();
    let want = Want {
        ticket_type: ticket,
        quantity,
        first_stripe: 0,
        until,
    };
    stock::take(&tx, Owner::Cart(item.id), want, start())
        .await
        .unwrap()
        .unwrap();
    tx.commit().await.unwrap();
    true
}

/// An order that waits for its payment and holds its stock. Gives its id and its code.
pub async fn pending_order(
    db: &db::Db,
    user: UserId,
    ticket: TicketTypeId,
    quantity: u32,
) -> (OrderId, String) {
    let until = start().plus_seconds(900);
    let total = price(&[line(ticket, 50_000, quantity)], &[]).unwrap();
    let code = domain::order::code(runtime::random::bytes());
    let mut conn = db.conn().await.unwrap();
    let tx = conn.begin().await.unwrap();
    let (order, lines) = db::orders::insert(&tx, &code, user, &total, until, start())
        .await
        .unwrap();
    let want = Want {
        ticket_type: ticket,
        quantity,
        first_stripe: 0,
        until,
    };
    stock::take(&tx, Owner::Order(lines[0]), want, start())
        .await
        .unwrap()
        .unwrap();
    db::payments::open(&tx, order.id, start(), start()).await.unwrap();
    tx.commit().await.unwrap();
    (order.id, code)
}

/// What is known of an address when somebody logs in with it.
pub async fn credentials_of(db: &db::Db, email: &str) -> Option<(UserId, String)> {
    let conn = db.conn().await.unwrap();
    let found = db::users::credentials(&conn, &Email::parse(email).unwrap())
        .await
        .unwrap();
    found.map(|(user, hash)| (user.id, hash))
}

/// A point in time, in seconds from the start of the tests.
pub fn at(seconds: i64) -> Timestamp {
    start().plus_seconds(seconds)
}

//! Rows to start from in bulk, connections that race, and what must be true of all rows at any time.

use db::DbError;
use domain::{CartItemId, OrderId, OrderItemId, TicketTypeId, Timestamp, UserId};
use testkit::{Rows, TestDb, start};
use tokio_postgres::{Client, NoTls, Row};

/// Seconds from the start of the tests until a hold ends, when a test does not care.
pub const LATER: i64 = 600;

/// A point in time, in seconds from the start of the tests.
pub fn at(seconds: i64) -> Timestamp {
    start().plus_seconds(seconds)
}

/// A database with one ticket type of these many units.
pub async fn on_sale(capacity: u32) -> (TestDb, TicketTypeId) {
    let db = TestDb::new().await;
    let ticket_type = Rows(&db).on_sale(150_000, capacity).await;
    (db, ticket_type)
}

/// Another ticket type of the event that [`on_sale`] made.
pub async fn another_type(db: &TestDb, capacity: u32) -> TicketTypeId {
    let client = db.client().await;
    let one = client
        .query_one("select id, organizer_id from events order by id limit 1", &[])
        .await
        .unwrap();
    let category = client
        .query_one("select id from categories order by id limit 1", &[])
        .await
        .unwrap();
    Rows(db)
        .ticket_type(
            UserId::new(one.get("organizer_id")),
            domain::EventId::new(one.get("id")),
            domain::CategoryId::new(category.get("id")),
            250_000,
            capacity,
        )
        .await
}

/// These many new buyers.
pub async fn buyers(client: &Client, count: usize) -> Vec<UserId> {
    let count = i32::try_from(count).unwrap();
    let sql = "
        insert into users (email, password_hash, name, age, phone_number, is_verified, created_at, updated_at)
        select 'buyer' || nextval(pg_get_serial_sequence('users', 'id')) || '@example.test', 'none', 'Buyer', 30, '0812',
               true, now(), now()
        from generate_series(1, $1)
        returning id";
    let rows = client.query(sql, &[&count]).await.unwrap();
    rows.iter().map(|row| UserId::new(row.get("id"))).collect()
}

/// These many rows of carts for a ticket type, each of a buyer of its own, holding nothing yet.
pub async fn cart_rows(client: &Client, ticket_type: TicketTypeId, count: usize) -> Vec<CartItemId> {
    let users: Vec<i64> = buyers(client, count).await.into_iter().map(UserId::get).collect();
    let sql = "
        insert into cart_items (user_id, ticket_type_id, quantity, reserved_until, held_since, created_at, updated_at)
        select unnest($1::bigint[]), $2, 1, now(), now(), now(), now() returning id";
    let rows = client.query(sql, &[&users, &ticket_type.get()]).await.unwrap();
    rows.iter().map(|row| CartItemId::new(row.get("id"))).collect()
}

/// An order of a new buyer without holds: its lines in the order of the ticket types.
pub async fn order_without_stock(
    client: &Client,
    lines: &[(TicketTypeId, u32)],
) -> (OrderId, Vec<OrderItemId>) {
    let buyer = buyers(client, 1).await[0];
    let code = domain::order::code(runtime::random::bytes());
    let sql = "
        insert into orders (code, user_id, subtotal, total, expires_at, created_at, updated_at)
        values ($1, $2, $3, $3, $4, $5, $5) returning id";
    let total: i64 = lines
        .iter()
        .map(|(_, quantity)| 1_000 * i64::from(*quantity))
        .sum();
    let (expires, now) = (at(900).inner(), at(0).inner());
    let order: i64 = client
        .query_one(sql, &[&code, &buyer.get(), &total, &expires, &now])
        .await
        .unwrap()
        .get("id");
    let mut items = Vec::new();
    for (ticket_type, quantity) in lines {
        let sql = "
            insert into order_items (order_id, ticket_type_id, unit_price, quantity) values ($1, $2, 1000, $3)
            returning id";
        let quantity = i32::try_from(*quantity).unwrap();
        let row = client
            .query_one(sql, &[&order, &ticket_type.get(), &quantity])
            .await
            .unwrap();
        items.push(OrderItemId::new(row.get("id")));
    }
    (OrderId::new(order), items)
}

/// Connections for a race. They wait for locks longer than a function may, so that a busy machine does not look like a
/// mistake: what fails then is a deadlock or worse.
pub async fn connections(db: &TestDb, count: usize) -> Vec<Client> {
    let mut config: tokio_postgres::Config = db.url().parse().unwrap();
    config.options("-c lock_timeout=60s -c statement_timeout=60s");
    let connecting = (0..count).map(async |_| {
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    });
    futures_util::future::join_all(connecting).await
}

/// The counters of a ticket type, summed over its stripes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    pub capacity: i64,
    pub held: i64,
    pub sold: i64,
}

impl Counters {
    pub const fn free(self) -> i64 {
        self.capacity - self.held - self.sold
    }
}

/// The counters of a ticket type as this connection sees them.
pub async fn counters(client: &Client, ticket_type: TicketTypeId) -> Counters {
    let sql =
        "select coalesce(sum(capacity), 0), coalesce(sum(held), 0), coalesce(sum(sold), 0) from ticket_stock
               where ticket_type_id = $1";
    let row = client.query_one(sql, &[&ticket_type.get()]).await.unwrap();
    Counters {
        capacity: row.get(0),
        held: row.get(1),
        sold: row.get(2),
    }
}

/// Fails unless counters and holds agree everywhere.
pub async fn assert_stock_consistent(client: &Client) {
    assert_none_violated(client, STOCK_INVARIANTS).await;
}

/// Fails unless everything agrees with everything, as the fleet itself looks for it. Time stands still in these tests, so what
/// should have ended by now does not count.
pub async fn assert_consistent(client: &Client) {
    let breaches = db::invariants::breaches(client).await.unwrap();
    let timeless = breaches.into_iter().filter(|breach| {
        !["holds_end", "lines_go_on", "messages_leave", "refunds_go_on"].contains(&breach.rule)
    });
    let timeless: Vec<_> = timeless.collect();
    assert!(timeless.is_empty(), "{timeless:#?}");
}

/// Each query finds the violations of one invariant.
async fn assert_none_violated(client: &Client, invariants: &[(&str, &str)]) {
    for (invariant, sql) in invariants {
        let rows: Vec<Row> = client.query(*sql, &[]).await.expect(sql);
        assert!(
            rows.is_empty(),
            "{invariant}: {} violations, first {:?}",
            rows.len(),
            rows[0]
        );
    }
}

const STOCK_INVARIANTS: &[(&str, &str)] = &[
    (
        "what is held and sold is within the capacity",
        "select * from ticket_stock where held < 0 or sold < 0 or held + sold > capacity",
    ),
    (
        "held is the sum of the holds, stripe by stripe",
        "select * from ticket_stock s
         full join (select ticket_type_id, stripe, sum(quantity) as quantity from holds group by 1, 2) h
             using (ticket_type_id, stripe)
         where coalesce(s.held, 0) <> coalesce(h.quantity, 0)",
    ),
];

/// Runs the same work on all connections at the same time.
pub async fn race<T>(clients: &mut [Client], work: impl AsyncFn(usize, &mut Client) -> T) -> Vec<T> {
    let work = &work;
    let running = clients
        .iter_mut()
        .enumerate()
        .map(|(number, client)| work(number, client));
    futures_util::future::join_all(running).await
}

/// A die that falls the same way in each run (xorshift).
pub struct Dice(u64);

impl Dice {
    /// A die of its own for each number.
    pub const fn new(number: usize) -> Self {
        Self((number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// A number from 0 to below the bound.
    pub fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from((self.0 >> 16) % u64::from(bound)).unwrap()
    }
}

/// What the server called the error, `40P01` for a deadlock.
pub fn sqlstate(error: &DbError) -> String {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(state) = error
            .downcast_ref::<tokio_postgres::Error>()
            .and_then(tokio_postgres::Error::code)
        {
            return state.code().to_owned();
        }
        cause = error.source();
    }
    format!("none: {error:?}")
}

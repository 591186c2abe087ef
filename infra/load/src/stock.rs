//! How many units of stock can be taken per second.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use db::stock::{self, Owner, TAKE_SQL, Want};
use domain::{CartItemId, TicketTypeId, Timestamp};
use futures_util::future::try_join_all;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::database::{self, Database};
use crate::figures::Rounds;

/// Share of what rows nobody shares give that one hot ticket type has to reach.
const BUDGET: f64 = 0.85;

/// How long one variant is measured before the next has its turn.
const PHASE: Duration = Duration::from_millis(750);

/// Units of each ticket type: more than a run can take.
const CAPACITY: i32 = 1_000_000;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Variant {
    /// The statement on one ticket type for all.
    Hot,
    /// The statement on a ticket type of each connection's own.
    Unshared,
    /// The statement on one ticket type with a single counter row.
    OneRow,
    /// One ticket type for all, in a transaction as functions take stock.
    HotInTransaction,
    /// A ticket type of which everything is sold: what most of a crowd gets to hear.
    SoldOut,
}

impl Variant {
    const ALL: [Self; 5] = [
        Self::Hot,
        Self::Unshared,
        Self::OneRow,
        Self::HotInTransaction,
        Self::SoldOut,
    ];

    const fn describe(self) -> &'static str {
        match self {
            Self::Hot => "one ticket type, striped",
            Self::Unshared => "rows nobody shares",
            Self::OneRow => "one ticket type, one counter row",
            Self::HotInTransaction => "one ticket type, striped, in a transaction",
            Self::SoldOut => "refusals, everything sold",
        }
    }
}

/// A connection with its cart rows: for the hot ticket type, its own and the one with a single row.
struct Buyer {
    client: Client,
    stripes: u32,
    hot: (TicketTypeId, CartItemId),
    own: (TicketTypeId, CartItemId),
    one_row: (TicketTypeId, CartItemId),
    sold_out: (TicketTypeId, CartItemId),
}

/// Measures and prints; tells whether the budget is kept.
///
/// # Errors
/// If the server does not answer or counts wrongly.
pub async fn run(url: &str, total: Duration, connections: usize, stripes: u32) -> Result<bool> {
    let database = Database::make(url).await?;
    let outcome = measure(&database, total, connections, stripes).await;
    database.remove().await?;
    outcome
}

async fn measure(database: &Database, total: Duration, connections: usize, stripes: u32) -> Result<bool> {
    ensure!(connections > 0, "at least one connection is needed");
    let admin = database.connect().await?;
    database::describe(&admin).await?;
    let mut buyers = prepare(database, &admin, connections, stripes).await?;
    println!("{connections} connections, {stripes} stripes");
    let mut rounds = Rounds::take(Variant::ALL, total, async |variant| {
        measure_phase(&admin, &mut buyers, variant).await
    })
    .await?;
    report(&mut rounds)
}

/// Makes an event, its ticket types and a cart row for each connection and ticket type.
async fn prepare(
    database: &Database,
    admin: &Client,
    connections: usize,
    stripes: u32,
) -> Result<Vec<Buyer>> {
    let types = i32::try_from(connections)? + 3;
    admin
        .batch_execute(
            "insert into users (email, password_hash, name, age, phone_number, role, created_at, updated_at)
             values ('organizer@example.test', 'none', 'Organizer', 30, '0812', 'organizer', now(), now());
             insert into categories (name, created_at, updated_at) values ('Concert', now(), now());
             insert into events (organizer_id, name, date, location, created_at, updated_at)
             select id, 'Java Jazz', now() + interval '30 days', 'Jakarta', now(), now() from users",
        )
        .await
        .context("the event cannot be made")?;
    // The first type is the hot one, the second has a single row, the third is sold out, the others belong to one connection
    // each.
    let sql = "
        insert into ticket_types (event_id, category_id, created_by, name, price, capacity, stripes, created_at, updated_at)
        select e.id, c.id, e.organizer_id, 'Festival', 150000, $2, case when n = 2 then 1 else $3 end, now(), now()
        from events e, categories c, generate_series(1, $1) n returning id";
    let rows = admin
        .query(sql, &[&types, &CAPACITY, &i32::try_from(stripes)?])
        .await?;
    let types: Vec<i64> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let [hot, one_row, sold_out, own @ ..] = &types[..] else {
        bail!("the ticket types were not made")
    };
    admin
        .batch_execute(
            "insert into ticket_stock (ticket_type_id, stripe, capacity)
             select id, n - 1, capacity / stripes from ticket_types, generate_series(1, stripes) n",
        )
        .await?;
    let sql = "update ticket_stock set sold = capacity where ticket_type_id = $1";
    admin.execute(sql, &[sold_out]).await?;
    let mut buyers = Vec::with_capacity(connections);
    for own in own {
        let sql = "
            with buyer as (
                insert into users (email, password_hash, name, age, phone_number, created_at, updated_at)
                values ('buyer' || $1::bigint || '@example.test', 'none', 'Buyer', 30, '0812', now(), now()) returning id
            )
            insert into cart_items (user_id, ticket_type_id, quantity, reserved_until, held_since, created_at, updated_at)
            select buyer.id, t, 1, now(), now(), now(), now() from buyer, unnest(array[$1, $2, $3, $4]) t
            returning ticket_type_id, id";
        let rows = admin.query(sql, &[own, hot, one_row, sold_out]).await?;
        let cart_row = |wanted: i64| -> Result<(TicketTypeId, CartItemId)> {
            for row in &rows {
                if row.try_get::<_, i64>(0)? == wanted {
                    return Ok((TicketTypeId::new(wanted), CartItemId::new(row.try_get(1)?)));
                }
            }
            bail!("a cart row was not made")
        };
        buyers.push(Buyer {
            client: database.connect().await?,
            stripes,
            hot: cart_row(*hot)?,
            own: cart_row(*own)?,
            one_row: cart_row(*one_row)?,
            sold_out: cart_row(*sold_out)?,
        });
    }
    Ok(buyers)
}

/// Takes units on all connections for a while. Returns takes per second, and how long each one took.
async fn measure_phase(
    admin: &Client,
    buyers: &mut [Buyer],
    variant: Variant,
) -> Result<(f64, Vec<Duration>)> {
    admin
        .batch_execute("truncate holds; update ticket_stock set held = 0 where held > 0")
        .await?;
    admin.batch_execute("vacuum analyze ticket_stock").await?;
    let begun = Instant::now();
    let taking = buyers.iter_mut().map(|buyer| take_for(buyer, variant, begun));
    let latencies: Vec<Duration> = try_join_all(taking).await?.into_iter().flatten().collect();
    let took = begun.elapsed();
    let sql = "select (select sum(held) from ticket_stock), (select count(*) from holds)";
    let counted = admin.query_one(sql, &[]).await?;
    let (held, holds): (i64, i64) = (counted.try_get(0)?, counted.try_get(1)?);
    let expected = match variant {
        Variant::SoldOut => 0,
        _ => i64::try_from(latencies.len())?,
    };
    ensure!(
        (held, holds) == (expected, expected),
        "{expected} units were taken, {held} are counted, {holds} have a hold"
    );
    let rate = latencies.len() as f64 / took.as_secs_f64();
    Ok((rate, latencies))
}

async fn take_for(buyer: &mut Buyer, variant: Variant, begun: Instant) -> Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    let now = Timestamp::parse("2030-01-01T00:00:00Z").context("a date")?;
    while begun.elapsed() < PHASE {
        let asked = Instant::now();
        let stripe = runtime::random::below(buyer.stripes);
        match variant {
            Variant::Hot => take(&buyer.client, buyer.hot, stripe, now).await?,
            Variant::Unshared => take(&buyer.client, buyer.own, stripe, now).await?,
            Variant::OneRow => take(&buyer.client, buyer.one_row, 0, now).await?,
            Variant::HotInTransaction => {
                let taken = take_in_transaction(&mut buyer.client, buyer.hot, stripe, now).await?;
                ensure!(taken, "the stock ran out: fewer seconds, please");
            }
            Variant::SoldOut => {
                let taken = take_in_transaction(&mut buyer.client, buyer.sold_out, stripe, now).await?;
                ensure!(!taken, "a unit was sold twice");
            }
        }
        latencies.push(asked.elapsed());
    }
    Ok(latencies)
}

/// The statement alone, committed by itself.
async fn take(
    client: &Client,
    (ticket_type, item): (TicketTypeId, CartItemId),
    stripe: u32,
    until: Timestamp,
) -> Result<()> {
    let (stripe, order) = (i32::try_from(stripe)?, None::<i64>);
    let row = client
        .query_typed_opt(
            TAKE_SQL,
            &[
                (&ticket_type.get(), Type::INT8),
                (&stripe, Type::INT4),
                (&1_i32, Type::INT4),
                (&item.get(), Type::INT8),
                (&order, Type::INT8),
                (&until.inner(), Type::TIMESTAMPTZ),
                (&false, Type::BOOL),
            ],
        )
        .await?;
    row.map(drop)
        .context("a stripe ran out of units: fewer seconds, please")
}

/// As a function does it: `begin`, `stock::take`, `commit`. Tells whether there was a unit.
async fn take_in_transaction(
    client: &mut Client,
    (ticket_type, item): (TicketTypeId, CartItemId),
    first_stripe: u32,
    now: Timestamp,
) -> Result<bool> {
    let tx = client.transaction().await?;
    let want = Want {
        ticket_type,
        quantity: 1,
        first_stripe,
        until: now.plus_seconds(600),
    };
    let taken = stock::take(&tx, Owner::Cart(item), want, now).await?;
    if taken.is_ok() {
        tx.commit().await?;
    } else {
        tx.rollback().await?;
    }
    Ok(taken.is_ok())
}

/// Prints the figures; tells whether the budget is kept.
fn report(rounds: &mut Rounds<Variant>) -> Result<bool> {
    rounds.print("takes per second, median of the rounds", Variant::describe)?;
    let reached = rounds.ratio(Variant::Hot, Variant::Unshared)?;
    let kept = reached >= BUDGET;
    println!(
        "one counter row / rows nobody shares   {:.2}",
        rounds.ratio(Variant::OneRow, Variant::Unshared)?
    );
    println!(
        "in a transaction / statement alone     {:.2}",
        rounds.ratio(Variant::HotInTransaction, Variant::Hot)?
    );
    println!(
        "striped / rows nobody shares           {reached:.2}, budget {BUDGET:.2}: {}",
        if kept { "kept" } else { "MISSED" }
    );
    Ok(kept)
}

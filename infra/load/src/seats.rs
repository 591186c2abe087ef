//! How many seats can be claimed per second.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use db::seat_maps::{self, NewMap, SetMap};
use db::seats::{self, Claim, Group, TAKE_SQL};
use db::stock::Owner;
use domain::seat_map::{self, StageName};
use domain::seating::SeatNumber;
use domain::{CartItemId, EventId, TicketTypeId, Timestamp};
use futures_util::future::try_join_all;
use serde_json::json;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::database::{self, Database};
use crate::figures::Rounds;

/// Share of bare updates that claims have to reach.
const BUDGET: f64 = 0.7;

/// How long one variant is measured before the next has its turn.
const PHASE: Duration = Duration::from_millis(750);

/// Seats of a row.
const ROW: u32 = 100;

/// What a claim comes down to if nothing else has to be known: the limit of this machine. The table is like that of the counters,
/// with a primary key and nothing else to keep.
const BARE_SQL: &str =
    "update bare_seats set held = 1 where ticket_type_id = $1 and stripe = $2 and held = 0 and sold = 0";

/// Makes the table of bare updates.
const BARE_TABLE_SQL: &str = "
    create table bare_seats (like ticket_stock including all) with (fillfactor = 50);
    insert into bare_seats (ticket_type_id, stripe, capacity) select ticket_type_id, number, 1 from seat_stock";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Variant {
    /// The bare update of a random row.
    Bare,
    /// The statement that takes a random seat.
    Chosen,
    /// A random seat in a transaction, as functions take it.
    ChosenInTransaction,
    /// The best seat that is left, in a transaction.
    Best,
}

impl Variant {
    const ALL: [Self; 4] = [Self::Bare, Self::Chosen, Self::ChosenInTransaction, Self::Best];

    const fn describe(self) -> &'static str {
        match self {
            Self::Bare => "bare update of a random row",
            Self::Chosen => "a random seat",
            Self::ChosenInTransaction => "a random seat, in a transaction",
            Self::Best => "the best seat that is left, in a transaction",
        }
    }
}

/// The house whose seats are claimed.
#[derive(Debug, Clone, Copy)]
struct House {
    ticket_type: TicketTypeId,
    seats: u32,
}

/// A connection with its cart row.
struct Buyer {
    client: Client,
    item: CartItemId,
}

/// Measures and prints; tells whether the budget is kept.
///
/// # Errors
/// If the server does not answer or counts wrongly.
pub async fn run(url: &str, total: Duration, connections: usize, seats: u32) -> Result<bool> {
    let database = Database::make(url).await?;
    let outcome = measure(&database, total, connections, seats).await;
    database.remove().await?;
    outcome
}

async fn measure(database: &Database, total: Duration, connections: usize, seats: u32) -> Result<bool> {
    ensure!(connections > 0, "at least one connection is needed");
    let mut admin = database.connect().await?;
    database::describe(&admin).await?;
    let house = build(&mut admin, seats).await?;
    let mut buyers = Vec::with_capacity(connections);
    for number in 0..connections {
        buyers.push(buyer(database, &admin, house, number).await?);
    }
    println!("{connections} connections, {} seats", house.seats);
    let mut rounds = Rounds::take(Variant::ALL, total, async |variant| {
        measure_phase(&admin, &mut buyers, house, variant).await
    })
    .await?;
    rounds.print("claims per second, median of the rounds", Variant::describe)?;
    let reached = rounds.ratio(Variant::Chosen, Variant::Bare)?;
    let kept = reached >= BUDGET;
    println!(
        "in a transaction / statement alone     {:.2}",
        rounds.ratio(Variant::ChosenInTransaction, Variant::Chosen)?
    );
    println!(
        "best / chosen, both in a transaction   {:.2}",
        rounds.ratio(Variant::Best, Variant::ChosenInTransaction)?
    );
    println!(
        "a random seat / bare update            {reached:.2}, budget {BUDGET:.2}: {}",
        if kept { "kept" } else { "MISSED" }
    );
    Ok(kept)
}

/// Makes an event with a map.
async fn build(admin: &mut Client, seats: u32) -> Result<House> {
    admin
        .batch_execute(
            "insert into users (email, password_hash, name, age, phone_number, role, created_at, updated_at)
             values ('organizer@example.test', 'none', 'Organizer', 30, '0812', 'organizer', now(), now());
             insert into categories (name, created_at, updated_at) values ('Concert', now(), now());
             insert into events (organizer_id, name, date, location, created_at, updated_at)
             select id, 'Java Jazz', now() + interval '30 days', 'Jakarta', now(), now() from users;
             insert into ticket_types (event_id, category_id, created_by, name, price, capacity, stripes, created_at, updated_at)
             select e.id, c.id, e.organizer_id, 'Seat', 150000, 0, 1, now(), now() from events e, categories c",
        )
        .await
        .context("the event cannot be made")?;
    let sql = "select t.id, t.event_id from ticket_types t";
    let row = admin.query_one(sql, &[]).await?;
    let (ticket_type, event) = (TicketTypeId::new(row.try_get(0)?), EventId::new(row.try_get(1)?));
    let rows = seats / ROW;
    let row = |row: u32| json!({"label": row + 1, "seats": [{"from": 1, "to": ROW}]});
    let rows: Vec<_> = (0..rows).map(row).collect();
    let sections = json!([{"name": "Floor", "ticketId": ticket_type, "rows": rows}]);
    let Ok(sections) = seat_map::read(sections) else {
        bail!("the map is not understood")
    };
    let stage = StageName::parse("Stage").map_err(anyhow::Error::msg)?;
    let map = NewMap {
        stage: &stage,
        no_single_seats: false,
        sections: &sections,
    };
    let tx = admin.transaction().await?;
    let SetMap::Done { seats, .. } = seat_maps::set(&tx, event, &map, now()?).await? else {
        bail!("the map was not made")
    };
    tx.commit().await?;
    admin.batch_execute(BARE_TABLE_SQL).await?;
    Ok(House { ticket_type, seats })
}

fn now() -> Result<Timestamp> {
    Timestamp::parse("2030-01-01T00:00:00Z").context("a date")
}

async fn buyer(database: &Database, admin: &Client, house: House, number: usize) -> Result<Buyer> {
    let sql = "
        with buyer as (
            insert into users (email, password_hash, name, age, phone_number, created_at, updated_at)
            values ('buyer' || $1::bigint || '@example.test', 'none', 'Buyer', 30, '0812', now(), now()) returning id
        )
        insert into cart_items (user_id, ticket_type_id, quantity, reserved_until, held_since, created_at, updated_at)
        select id, $2, 1, now(), now(), now(), now() from buyer returning id";
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
        [&i64::try_from(number)?, &house.ticket_type.get()];
    let row = admin.query_one(sql, &parameters).await?;
    Ok(Buyer {
        client: database.connect().await?,
        item: CartItemId::new(row.try_get(0)?),
    })
}

/// Claims seats on all connections for a while. Returns claims per second, and how long each one took.
async fn measure_phase(
    admin: &Client,
    buyers: &mut [Buyer],
    house: House,
    variant: Variant,
) -> Result<(f64, Vec<Duration>)> {
    admin
        .batch_execute(
            "update seat_stock set holder_id = null, held_until = null where held_until is not null;
             update bare_seats set held = 0 where held > 0",
        )
        .await?;
    admin
        .batch_execute("vacuum analyze seat_stock, bare_seats")
        .await?;
    let begun = Instant::now();
    let claiming = buyers
        .iter_mut()
        .map(|buyer| claim_for(buyer, house, variant, begun));
    let (latencies, taken): (Vec<_>, Vec<_>) = try_join_all(claiming).await?.into_iter().unzip();
    let latencies: Vec<Duration> = latencies.into_iter().flatten().collect();
    let took = begun.elapsed();
    let taken: i64 = taken.into_iter().sum();
    let sql = "select (select count(*) from seat_stock where held_until is not null), (select sum(held) from bare_seats)";
    let counted = admin.query_one(sql, &[]).await?;
    let (held, bare): (i64, i64) = (counted.try_get(0)?, counted.try_get(1)?);
    let expected = if variant == Variant::Bare {
        (0, taken)
    } else {
        (taken, 0)
    };
    ensure!(
        (held, bare) == expected,
        "{taken} seats were taken, {held} are held, {bare} in the table of bare updates"
    );
    let rate = latencies.len() as f64 / took.as_secs_f64();
    Ok((rate, latencies))
}

/// How long each claim took, those of seats that somebody else had included, and how many seats were taken.
async fn claim_for(
    buyer: &mut Buyer,
    house: House,
    variant: Variant,
    begun: Instant,
) -> Result<(Vec<Duration>, i64)> {
    let (mut latencies, mut taken) = (Vec::new(), 0);
    while begun.elapsed() < PHASE {
        let seat = SeatNumber::new(i32::try_from(runtime::random::below(house.seats))? + 1);
        let asked = Instant::now();
        let got = match variant {
            Variant::Bare => bare(&buyer.client, house, seat).await?,
            Variant::Chosen => chosen(buyer, house, seat).await?,
            Variant::ChosenInTransaction | Variant::Best => {
                in_transaction(buyer, house, variant, seat).await?
            }
        };
        latencies.push(asked.elapsed());
        taken += i64::from(got);
    }
    Ok((latencies, taken))
}

async fn bare(client: &Client, house: House, seat: SeatNumber) -> Result<bool> {
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&house.ticket_type.get(), Type::INT8), (&seat.get(), Type::INT4)];
    Ok(client.execute_typed(BARE_SQL, &parameters).await? == 1)
}

/// The statement alone, committed by itself.
async fn chosen(buyer: &Buyer, house: House, seat: SeatNumber) -> Result<bool> {
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 5] = [
        (&house.ticket_type.get(), Type::INT8),
        (&seat.get(), Type::INT4),
        (&buyer.item.get(), Type::INT8),
        (&false, Type::BOOL),
        (&now()?.inner(), Type::TIMESTAMPTZ),
    ];
    Ok(buyer.client.execute_typed(TAKE_SQL, &parameters).await? == 1)
}

/// As a function does it: `begin`, the claim, `commit`.
async fn in_transaction(buyer: &mut Buyer, house: House, variant: Variant, seat: SeatNumber) -> Result<bool> {
    let now = now()?;
    let claim = Claim {
        owner: Owner::Cart(buyer.item),
        ticket_type: house.ticket_type,
        until: now.plus_seconds(600),
        passes: true,
    };
    let tx = buyer.client.transaction().await?;
    let got = if variant == Variant::Best {
        let group = Group {
            quantity: 1,
            own: &[],
            accessible: false,
        };
        let best = seats::take_best(&tx, claim, group, now, &mut runtime::random::below).await?;
        ensure!(best.is_ok(), "the seats ran out: fewer seconds, please");
        true
    } else {
        seats::choose(&tx, claim, &[seat], &[], false, now).await?.is_ok()
    };
    if got {
        tx.commit().await?;
    } else {
        tx.rollback().await?;
    }
    Ok(got)
}

//! Seat maps of events: made from what an organizer sends, and shown with the states of the seats.

use crate::error::Result;
use crate::seats::{self, read_state, state};
use crate::sql::{RowExt as _, params};
use crate::stock;
use domain::seat_map::{Section, StageName};
use domain::seat_plan::{Plan, PlanRow, PlanSeat};
use domain::seating::SeatNumber;
use domain::{EventId, TicketTypeId, Timestamp, UserId};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::{Client, Transaction};

/// What an organizer wants an event's map to be.
#[derive(Debug)]
pub struct NewMap<'a> {
    /// What stands on the stage.
    pub stage: &'a StageName,
    /// Whether no choice may leave a single seat free.
    pub no_single_seats: bool,
    /// Where the seats are.
    pub sections: &'a [Section],
}

/// What became of an attempt to set a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetMap {
    /// It is set.
    Done {
        /// How many seats there were before.
        before: u32,
        /// How many there are.
        seats: u32,
    },
    /// The section of that number sells a ticket that is none of the event's.
    NoTicket(usize),
    /// Something of what would change is reserved or sold.
    InUse,
}

const TYPES_SQL: &str =
    "select id, seated from ticket_types where event_id = $1 order by id for no key update";
const COUNT_SQL: &str = "
    select count(*)::int as seats from seat_stock s join ticket_types t on t.id = s.ticket_type_id where t.event_id = $1";
const IN_USE_SQL: &str = "
    select exists (select from stock where ticket_type_id = any($1) and held + sold > 0) as in_use";
const UPSERT_SQL: &str = "
    insert into seat_maps (event_id, no_single_seats, stage, next_number, created_at, updated_at)
    values ($1, $2, $3, 1 + $4, $5, $5)
    on conflict (event_id) do update
    set no_single_seats = excluded.no_single_seats, stage = excluded.stage, version = seat_maps.version + 1,
        next_number = seat_maps.next_number + $4, updated_at = excluded.updated_at
    returning next_number - $4 as first";
const CLEAR_SQL: &str = "
    with seats as (delete from seats where ticket_type_id = any($1))
    delete from ticket_stock where ticket_type_id = any($1)";
const SEATED_SQL: &str = "
    update ticket_types t set seated = true, capacity = n.capacity, updated_at = $3
    from unnest($1::bigint[], $2::int[]) as n (id, capacity) where t.id = n.id";
const UNSEATED_SQL: &str = "
    with emptied as (
        update ticket_types set seated = false, capacity = 0, stripes = 1, updated_at = $2 where id = any($1) returning id
    )
    insert into ticket_stock (ticket_type_id, stripe, capacity) select id, 0, 0 from emptied";
const INSERT_SQL: &str = "
    insert into seats (ticket_type_id, number, section, row_label, label, x, y)
    select * from unnest($1::bigint[], $2::int[], $3::text[], $4::text[], $5::text[], $6::int[], $7::int[])";
const INSERT_STOCK_SQL: &str = "
    insert into seat_stock (ticket_type_id, number, section_no, row_no, row_first, row_last, place, cost, accessible)
    select * from unnest($1::bigint[], $2::int[], $3::int[], $4::int[], $5::int[], $6::int[], $7::int[], $8::int[],
                         $9::boolean[])";

/// The columns of new seats.
#[derive(Default)]
struct Columns<'a> {
    types: Vec<i64>,
    numbers: Vec<i32>,
    section_nos: Vec<i32>,
    sections: Vec<&'a str>,
    row_nos: Vec<i32>,
    row_firsts: Vec<i32>,
    row_lasts: Vec<i32>,
    row_labels: Vec<&'a str>,
    labels: Vec<&'a str>,
    places: Vec<i32>,
    xs: Vec<i32>,
    ys: Vec<i32>,
    costs: Vec<i32>,
    accessible: Vec<bool>,
}

impl<'a> Columns<'a> {
    fn of(sections: &'a [Section], first: i32) -> Self {
        let mut columns = Self::default();
        let mut number = first;
        for (section, section_no) in sections.iter().zip(0..) {
            for (row, row_no) in section.rows.iter().zip(0..) {
                let seats = i32::try_from(row.seats.len()).unwrap_or(i32::MAX);
                let (row_first, row_last) = (number, number.saturating_add(seats) - 1);
                for seat in &row.seats {
                    columns.types.push(section.ticket.get());
                    columns.numbers.push(number);
                    columns.section_nos.push(section_no);
                    columns.sections.push(section.name.as_str());
                    columns.row_nos.push(row_no);
                    columns.row_firsts.push(row_first);
                    columns.row_lasts.push(row_last);
                    columns.row_labels.push(row.label.as_str());
                    columns.labels.push(seat.label.as_str());
                    columns.places.push(seat.place);
                    columns.xs.push(seat.x);
                    columns.ys.push(seat.y);
                    columns.costs.push(seat.cost);
                    columns.accessible.push(seat.accessible);
                    number += 1;
                }
            }
        }
        columns
    }
}

/// Sets the map of an event whose sale this transaction has stopped. Its seats get new numbers. Ticket types that are not on the map
/// any more have nothing to sell until their quantity is set again.
pub async fn set(tx: &Transaction<'_>, event: EventId, map: &NewMap<'_>, now: Timestamp) -> Result<SetMap> {
    let types = tx.query_typed(TYPES_SQL, params![INT8: event.get()]).await?;
    let types = types
        .iter()
        .map(|row| Ok((row.col::<i64>("id")?, row.col::<bool>("seated")?)))
        .collect::<Result<BTreeMap<i64, bool>>>()?;
    let unknown = |section: &Section| !types.contains_key(&section.ticket.get());
    if let Some(number) = map.sections.iter().position(unknown) {
        return Ok(SetMap::NoTicket(number));
    }
    let mut capacities: BTreeMap<i64, i32> = BTreeMap::new();
    for section in map.sections {
        let seats: usize = section.rows.iter().map(|row| row.seats.len()).sum();
        *capacities.entry(section.ticket.get()).or_default() += i32::try_from(seats).unwrap_or(i32::MAX);
    }
    let seats: i32 = capacities.values().sum();
    let dropped = types
        .iter()
        .filter(|(id, seated)| **seated && !capacities.contains_key(id));
    let dropped: Vec<i64> = dropped.map(|(id, _)| *id).collect();
    let changed: BTreeSet<i64> = capacities.keys().chain(&dropped).copied().collect();
    let changed: Vec<i64> = changed.into_iter().collect();
    for id in &changed {
        let id = TicketTypeId::new(*id);
        stock::release_expired_of_type(tx, id, now).await?;
        seats::release_expired_of_type(tx, id, now).await?;
    }
    let row = tx
        .query_typed_one(IN_USE_SQL, params![INT8_ARRAY: changed])
        .await?;
    if row.col("in_use")? {
        return Ok(SetMap::InUse);
    }
    let before = tx.query_typed_one(COUNT_SQL, params![INT8: event.get()]).await?;
    let before = before.count("seats")?;
    let params = params![
        INT8: event.get(), BOOL: map.no_single_seats, TEXT: map.stage.as_str(), INT4: seats, TIMESTAMPTZ: now.inner(),
    ];
    let first = tx.query_typed_one(UPSERT_SQL, params).await?.col("first")?;
    tx.execute_typed(CLEAR_SQL, params![INT8_ARRAY: changed]).await?;
    tx.execute_typed(
        UNSEATED_SQL,
        params![INT8_ARRAY: dropped, TIMESTAMPTZ: now.inner()],
    )
    .await?;
    let (ids, capacities): (Vec<i64>, Vec<i32>) = capacities.into_iter().unzip();
    tx.execute_typed(
        SEATED_SQL,
        params![INT8_ARRAY: ids, INT4_ARRAY: capacities, TIMESTAMPTZ: now.inner()],
    )
    .await?;
    let new = Columns::of(map.sections, first);
    let params = params![
        INT8_ARRAY: &new.types, INT4_ARRAY: &new.numbers, TEXT_ARRAY: new.sections, TEXT_ARRAY: new.row_labels,
        TEXT_ARRAY: new.labels, INT4_ARRAY: new.xs, INT4_ARRAY: new.ys,
    ];
    let stock = params![
        INT8_ARRAY: &new.types, INT4_ARRAY: &new.numbers, INT4_ARRAY: new.section_nos, INT4_ARRAY: new.row_nos,
        INT4_ARRAY: new.row_firsts, INT4_ARRAY: new.row_lasts, INT4_ARRAY: new.places, INT4_ARRAY: new.costs,
        BOOL_ARRAY: new.accessible,
    ];
    tx.execute_typed(INSERT_SQL, params).await?;
    tx.execute_typed(INSERT_STOCK_SQL, stock).await?;
    Ok(SetMap::Done {
        before,
        seats: u32::try_from(seats).unwrap_or(0),
    })
}

const FIND_SQL: &str = "
    select m.stage, m.no_single_seats, m.version from seat_maps m join events e on e.id = m.event_id
    where e.id = $1 and (e.status <> 'draft' or e.organizer_id = $2 or $3)";

const ROWS_SQL: &str = concat!(
    "select section_no::int, min(section) as section, min(row_label) as row_label, min(ticket_type_id) as ticket_type_id,
            min(name) as name, min(price) as price, array_agg(number order by number) as numbers,
            array_agg(label order by number) as labels, array_agg(x order by number) as xs,
            array_agg(y order by number) as ys, array_agg(accessible order by number) as accessible,
            string_agg(state, '' order by number) as states
    from (
        select s.*, k.section_no, k.row_no, k.accessible, t.name, t.price, ",
    state!(),
    " as state
        from ticket_types t join seats s on s.ticket_type_id = t.id join seat_stock k using (ticket_type_id, number)
        where t.event_id = $1
    ) seats
    group by section_no, row_no order by section_no, row_no"
);

/// The map of an event that the viewer may see, with the states of its seats; `None` if there is none.
pub async fn show(
    db: &Client,
    event: EventId,
    viewer: Option<UserId>,
    sees_all: bool,
    now: Timestamp,
) -> Result<Option<Plan>> {
    let viewer = viewer.map(UserId::get);
    let find = params![INT8: event.get(), INT8: viewer, BOOL: sees_all];
    let Some(found) = db.query_typed_opt(FIND_SQL, find).await? else {
        return Ok(None);
    };
    let params = params![INT8: event.get(), TIMESTAMPTZ: now.inner()];
    let rows = db.query_typed(ROWS_SQL, params).await?;
    let rows = rows.iter().map(|row| {
        let numbers: Vec<i32> = row.col("numbers")?;
        let (labels, states): (Vec<String>, &str) = (row.col("labels")?, row.col("states")?);
        let (xs, ys): (Vec<i32>, Vec<i32>) = (row.col("xs")?, row.col("ys")?);
        let accessible: Vec<bool> = row.col("accessible")?;
        let columns = numbers
            .into_iter()
            .zip(labels)
            .zip(xs)
            .zip(ys)
            .zip(accessible)
            .zip(states.chars());
        let seats = columns.map(|(((((number, label), x), y), accessible), state)| {
            Ok(PlanSeat {
                number: SeatNumber::new(number),
                label,
                x,
                y,
                accessible,
                state: read_state(state)?,
            })
        });
        Ok(PlanRow {
            section_no: row.col("section_no")?,
            section: row.col("section")?,
            ticket_type: row.id("ticket_type_id", TicketTypeId::new)?,
            ticket: row.col("name")?,
            price: row.rupiah("price")?,
            label: row.col("row_label")?,
            seats: seats.collect::<Result<_>>()?,
        })
    });
    Ok(Some(Plan {
        stage: found.col("stage")?,
        no_single_seats: found.col("no_single_seats")?,
        version: found.count("version")?,
        rows: rows.collect::<Result<_>>()?,
    }))
}

/// How the seats of an event stand, in the order of their numbers.
#[derive(Debug)]
pub struct States {
    /// Counts how often the map was set.
    pub version: u32,
    /// Number of the first seat; the others follow.
    pub first: u32,
    /// A letter for each seat: `f`ree, `h`eld, `s`old.
    pub states: String,
}

const STATES_SQL: &str = concat!(
    "select m.version, coalesce(min(seats.number), 1) as first,
            coalesce(string_agg(seats.state, '' order by seats.number), '') as states
    from seat_maps m join events e on e.id = m.event_id left join lateral (
        select k.number, ",
    state!(),
    " as state
        from ticket_types t join seat_stock k on k.ticket_type_id = t.id
        where t.event_id = m.event_id
    ) seats on true
    where e.id = $1 and (e.status <> 'draft' or e.organizer_id = $3 or $4)
    group by m.event_id"
);

/// How the seats of an event stand that the viewer may see; `None` if it has no map.
pub async fn states(
    db: &Client,
    event: EventId,
    viewer: Option<UserId>,
    sees_all: bool,
    now: Timestamp,
) -> Result<Option<States>> {
    let viewer = viewer.map(UserId::get);
    let params = params![INT8: event.get(), TIMESTAMPTZ: now.inner(), INT8: viewer, BOOL: sees_all];
    let Some(row) = db.query_typed_opt(STATES_SQL, params).await? else {
        return Ok(None);
    };
    Ok(Some(States {
        version: row.count("version")?,
        first: row.count("first")?,
        states: row.col("states")?,
    }))
}

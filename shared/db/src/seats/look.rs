//! What of a ticket type is free, held and sold.

use super::numbers;
use crate::error::{DbError, Result};
use crate::sql::{RowExt as _, params};
use domain::cart::StockError;
use domain::seating::{Line, Seat, SeatNumber, State};
use domain::{TicketTypeId, Timestamp};
use tokio_postgres::{Client, Row, Transaction};

/// Whose a seat is, `f`ree, `h`eld or `s`old, at the time `$2`. A hold of a cart whose time is over counts no more.
macro_rules! state {
    () => {
        "case when k.sold then 's'
              when k.held_until is null or not k.holder_is_order and k.held_until <= $2 then 'f'
              else 'h' end"
    };
}
pub(crate) use state;

/// Reads rows of seats, with more columns and from whichever seats a caller wants.
macro_rules! lines {
    ($columns:literal, $seats:literal) => {
        concat!(
            "select section_no::int, row_no::int, ",
            $columns,
            "array_agg(number order by number) as numbers, array_agg(place order by number) as places,
            array_agg(cost order by number) as costs, array_agg(accessible order by number) as accessible,
            string_agg(state, '' order by number) as states
            from (
                select k.section_no, k.row_no, k.number, k.place, k.cost, k.accessible, ",
            state!(),
            " as state from ",
            $seats,
            "
            ) seats
            group by section_no, row_no order by section_no, row_no"
        )
    };
}

pub(super) use lines;

const LOOK_SQL: &str = lines!("", "seat_stock k where k.ticket_type_id = $1");

/// The seats of a ticket type, row by row, as they stand. One statement sees one state of the database.
pub async fn look(db: &Client, ticket_type: TicketTypeId, now: Timestamp) -> Result<Vec<Line>> {
    let params = params![INT8: ticket_type.get(), TIMESTAMPTZ: now.inner()];
    let rows = db.query_typed(LOOK_SQL, params).await?;
    rows.iter().map(read_line).collect()
}

pub(super) fn read_line(row: &Row) -> Result<Line> {
    let numbers: Vec<i32> = row.col("numbers")?;
    let (places, costs): (Vec<i32>, Vec<i32>) = (row.col("places")?, row.col("costs")?);
    let (accessible, states): (Vec<bool>, &str) = (row.col("accessible")?, row.col("states")?);
    let columns = numbers
        .into_iter()
        .zip(places)
        .zip(costs)
        .zip(accessible)
        .zip(states.chars());
    let seats = columns.map(|((((number, place), cost), accessible), state)| {
        Ok(Seat {
            number: SeatNumber::new(number),
            place,
            cost,
            accessible,
            state: read_state(state)?,
        })
    });
    Ok(Line {
        section: row.col("section_no")?,
        row: row.col("row_no")?,
        seats: seats.collect::<Result<_>>()?,
    })
}

pub(crate) fn read_state(state: char) -> Result<State> {
    match state {
        'f' => Ok(State::Free),
        'h' => Ok(State::Held),
        's' => Ok(State::Sold),
        _ => Err(DbError::Value("state")),
    }
}

// A few rows are read as ranges of the primary key, whatever the planner thinks of their size.
const LOOK_AT_LINES_SQL: &str = lines!(
    "not exists (select from seat_stock o where o.ticket_type_id = $1 and not o.accessible and not o.sold) as are_opened, ",
    "(select distinct row_first, row_last from seat_stock where ticket_type_id = $1 and number = any($3)) l
     cross join lateral (
         select * from seat_stock s where s.ticket_type_id = $1 and s.number between l.row_first and l.row_last offset 0
     ) k"
);

/// The rows in which some seats are, as they stand, and whether seats for people who need them may be given to everybody.
pub(super) async fn look_at_lines(
    tx: &Transaction<'_>,
    ticket_type: TicketTypeId,
    seats: &[SeatNumber],
    now: Timestamp,
) -> Result<(Vec<Line>, bool)> {
    let params = params![INT8: ticket_type.get(), TIMESTAMPTZ: now.inner(), INT4_ARRAY: numbers(seats)];
    let rows = tx.query_typed(LOOK_AT_LINES_SQL, params).await?;
    let are_opened = rows.first().map_or(Ok(false), |row| row.col("are_opened"))?;
    let lines = rows.iter().map(read_line).collect::<Result<_>>()?;
    Ok((lines, are_opened))
}

const LEFT_SQL: &str = concat!(
    "select accessible, count(*) filter (where state = 'f')::int as free, count(*) filter (where state = 'h')::int as held,
            min(held_until) filter (where state = 'h') as retry_at
    from (
        select k.accessible, k.held_until, ",
    state!(),
    " as state from seat_stock k where k.ticket_type_id = $1 and not k.sold
    ) seats
    group by accessible order by accessible"
);

/// What of a ticket type somebody could still get.
#[derive(Default)]
pub(super) struct Left {
    pub free: u32,
    pub held: u32,
    /// When the next of the held ones may be free.
    retry_at: Option<Timestamp>,
}

impl Left {
    pub async fn count(
        tx: &Transaction<'_>,
        ticket_type: TicketTypeId,
        accessible: bool,
        now: Timestamp,
    ) -> Result<Self> {
        let params = params![INT8: ticket_type.get(), TIMESTAMPTZ: now.inner()];
        let mut left = Self::default();
        for row in &tx.query_typed(LEFT_SQL, params).await? {
            // Ordinary seats come first; without any, those for people who need them are everybody's.
            let is_kept = row.col("accessible")? && !accessible && left.free + left.held > 0;
            if is_kept {
                continue;
            }
            left.free += row.count("free")?;
            left.held += row.count("held")?;
            left.retry_at = [left.retry_at, row.time_opt("retry_at")?]
                .into_iter()
                .flatten()
                .min();
        }
        Ok(left)
    }

    pub fn refusal(self) -> StockError {
        let Self {
            free: left, retry_at, ..
        } = self;
        match self.held {
            0 => StockError::SoldOut { left },
            _ => StockError::HeldByOthers { left, retry_at },
        }
    }
}

/// How many seats of a ticket type anybody could have at this moment, whoever waits for them.
pub async fn free(tx: &Transaction<'_>, ticket_type: TicketTypeId, now: Timestamp) -> Result<u32> {
    Ok(Left::count(tx, ticket_type, false, now).await?.free)
}

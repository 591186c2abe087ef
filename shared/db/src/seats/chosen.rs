//! Seats that somebody chose on the map.

use super::look::{look, look_at_lines};
use super::{Claim, numbers, take};
use crate::error::Result;
use crate::sql::{RowExt as _, params};
use domain::seating::{self, Choice, ChoiceError, SeatNumber};
use domain::{TicketTypeId, Timestamp};
use std::collections::HashSet;
use tokio_postgres::Transaction;

/// The numbers of the seats of the rows in which the seats `$2` are.
macro_rules! of_lines {
    () => {
        "(select s.number
          from seat_stock chosen join seat_stock s on s.number between chosen.row_first and chosen.row_last
          where chosen.ticket_type_id = $1 and s.ticket_type_id = $1 and chosen.number = any($2))"
    };
}

const CHOSEN_SQL: &str = "
    select k.number, k.accessible, m.no_single_seats
    from seat_stock k join ticket_types t on t.id = k.ticket_type_id join seat_maps m on m.event_id = t.event_id
    where k.ticket_type_id = $1 and k.number = any($2)";

const LOCK_LINES_SQL: &str = concat!(
    "select number from seat_stock
    where ticket_type_id = $1 and held_until is null and not sold and number in ",
    of_lines!(),
    " order by number for no key update"
);

const FREE_LINES_SQL: &str = concat!(
    "with late as materialized (
        select number from seat_stock
        where ticket_type_id = $1 and not holder_is_order and held_until <= $3 and number in ",
    of_lines!(),
    " order by number for no key update skip locked
    )
    update seat_stock k set holder_id = null, held_until = null
    from late l where k.ticket_type_id = $1 and k.number = l.number"
);

/// Takes the seats that somebody chose, all or none. `own` are those that the owner has already; `accessible` says whether seats
/// that are kept for people who need them were asked for.
///
/// The inner error says why not; the transaction is to be rolled back then.
pub async fn choose(
    tx: &Transaction<'_>,
    claim: Claim,
    seats: &[SeatNumber],
    own: &[SeatNumber],
    accessible: bool,
    now: Timestamp,
) -> Result<Result<(), ChoiceError>> {
    let params = params![INT8: claim.ticket_type.get(), INT4_ARRAY: numbers(seats)];
    let rows = tx.query_typed(CHOSEN_SQL, params).await?;
    let mut known = HashSet::new();
    let (mut no_singles, mut is_kept) = (false, false);
    for row in &rows {
        known.insert(row.col::<i32>("number")?);
        no_singles |= row.col::<bool>("no_single_seats")?;
        is_kept |= row.col::<bool>("accessible")? && !accessible;
    }
    if let Some(unknown) = seats.iter().find(|seat| !known.contains(&seat.get())) {
        return Ok(Err(ChoiceError::Unknown(*unknown)));
    }
    let choice = Choice {
        seats,
        own,
        accessible,
        no_singles,
    };
    if (no_singles || is_kept)
        && let Err(refused) = check(tx, claim.ticket_type, choice, now).await?
    {
        return Ok(Err(refused));
    }
    take(tx, claim, seats, now).await
}

/// Takes seats again that the owner had until their time was over. With a rule against single seats, what is free in their rows is
/// kept first, as whoever chooses there does it.
///
/// The inner error says why not; the transaction is to be rolled back then.
pub async fn retake(
    tx: &Transaction<'_>,
    claim: Claim,
    seats: &[SeatNumber],
    now: Timestamp,
) -> Result<Result<(), ChoiceError>> {
    if seats.is_empty() {
        return Ok(Ok(()));
    }
    let params = params![INT8: claim.ticket_type.get(), INT4_ARRAY: numbers(seats)];
    let rows = tx.query_typed(CHOSEN_SQL, params).await?;
    if rows.first().map_or(Ok(false), |row| row.col("no_single_seats"))? {
        lock_lines(tx, claim.ticket_type, seats, now).await?;
    }
    take(tx, claim, seats, now).await
}

/// Whether a choice may be taken. With a rule against single seats, what is free in its rows is kept, so that what is left beside it
/// is not chosen by somebody else meanwhile.
pub(super) async fn check(
    tx: &Transaction<'_>,
    ticket_type: TicketTypeId,
    choice: Choice<'_>,
    now: Timestamp,
) -> Result<Result<(), ChoiceError>> {
    if choice.no_singles {
        lock_lines(tx, ticket_type, choice.seats, now).await?;
    }
    let around = [choice.seats, choice.own].concat();
    let (mut lines, mut are_opened) = look_at_lines(tx, ticket_type, &around, now).await?;
    if choice.leaves_single(&lines, are_opened) {
        // Whether it had to be is said by all the rows.
        lines = look(tx.client(), ticket_type, now).await?;
        are_opened = seating::are_opened(&lines);
    }
    Ok(choice.check(&lines, are_opened))
}

/// Keeps what is free in the rows of some seats. What carts have kept there for too long is given back first: it would be taken over
/// without a look at this lock.
async fn lock_lines(
    tx: &Transaction<'_>,
    ticket_type: TicketTypeId,
    seats: &[SeatNumber],
    now: Timestamp,
) -> Result<()> {
    let params = params![INT8: ticket_type.get(), INT4_ARRAY: numbers(seats)];
    tx.query_typed(LOCK_LINES_SQL, params).await?;
    let params = params![INT8: ticket_type.get(), INT4_ARRAY: numbers(seats), TIMESTAMPTZ: now.inner()];
    tx.execute_typed(FREE_LINES_SQL, params).await?;
    Ok(())
}

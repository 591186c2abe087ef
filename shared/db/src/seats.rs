//! Seats: with `stock`, the only module that writes `seat_stock`.
//!
//! A seat is a row that says who has it, and the schema lets it have one owner: a cart, an order, or a ticket that is not void. Nothing
//! else is written when it is taken, so a crowd meets only where two want the same seat. What happens to all that an owner holds
//! (extended, handed over, sold, given back) is written in [`crate::stock`].
//!
//! Here a seat is taken and given back; [`choose`] and [`take_best`] find out which.

mod best;
mod chosen;
mod look;
mod places;

pub use best::{Group, Pick, order_best, take_best};
pub use chosen::{choose, retake};
pub use look::{free, look};
pub(crate) use look::{read_state, state};
pub use places::{Place, of_orders, places};

use crate::error::Result;
use crate::sql::{RowExt as _, params};
use crate::stock::Owner;
use crate::waiting_list;
use domain::seating::{ChoiceError, SeatNumber};
use domain::{CartItemId, TicketTypeId, Timestamp};
use std::collections::HashSet;
use tokio_postgres::{Row, Transaction};

/// Takes a seat that is free and has no line: the hot path of a sale. To look for a line in it would cost a third of its speed.
pub const TAKE_SQL: &str = "
    update seat_stock set holder_id = $3, holder_is_order = $4, held_until = $5
    where ticket_type_id = $1 and number = $2 and held_until is null and not sold";

/// Takes those of several seats of which something is true. They are locked in the order of all takers and givers. Unless the taker
/// passes the line (`$6`), nobody may wait.
macro_rules! take_several {
    ($which:literal, $wait:literal) => {
        concat!(
            "with found as materialized (
                select number from seat_stock where ticket_type_id = $1 and number = any($2)
                  and ($6 or not exists (select from waiting_entries where ticket_type_id = $1 and status = 'waiting'))
                  and ",
            $which,
            " order by number for no key update ",
            $wait,
            "
            )
            update seat_stock k set holder_id = $3, holder_is_order = $4, held_until = $5
            from found f where k.ticket_type_id = $1 and k.number = f.number
            returning k.number"
        )
    };
}

const TAKE_SEVERAL_SQL: &str = take_several!("held_until is null and not sold", "");

// Whoever has such a seat locked is about to give it back or to buy: neither is waited for, because they lock what they hold before
// counters.
const TAKE_OVER_SQL: &str = take_several!("not holder_is_order and held_until <= $7", "skip locked");

const TAKE_AT_ONCE_SQL: &str = take_several!(
    "(held_until is null and not sold or not holder_is_order and held_until <= $7)",
    "skip locked"
);

/// What is to be taken for whom.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// For whom.
    pub owner: Owner,
    /// Of which ticket type.
    pub ticket_type: TicketTypeId,
    /// Until when.
    pub until: Timestamp,
    /// Whether nobody who waits keeps it from the owner: there is no line, it is their turn, or it was theirs and is paid for.
    pub passes: bool,
}

/// Takes seats that nobody has, or that a cart has kept too long.
///
/// The inner error says why one of them is not to be had; some may be taken then, so the transaction is to be rolled back.
pub async fn take(
    tx: &Transaction<'_>,
    claim: Claim,
    seats: &[SeatNumber],
    now: Timestamp,
) -> Result<Result<(), ChoiceError>> {
    let (holder, is_order) = claim.owner.holder();
    let missing = match seats {
        [] => return Ok(Ok(())),
        [seat] if claim.passes => {
            let params = params![
                INT8: claim.ticket_type.get(), INT4: seat.get(), INT8: holder, BOOL: is_order,
                TIMESTAMPTZ: claim.until.inner(),
            ];
            match tx.execute_typed(TAKE_SQL, params).await? {
                0 => seats.to_vec(),
                _ => Vec::new(),
            }
        }
        seats => {
            let params = params![
                INT8: claim.ticket_type.get(), INT4_ARRAY: numbers(seats), INT8: holder, BOOL: is_order,
                TIMESTAMPTZ: claim.until.inner(), BOOL: claim.passes,
            ];
            without(seats, &tx.query_typed(TAKE_SEVERAL_SQL, params).await?)?
        }
    };
    if missing.is_empty() {
        return Ok(Ok(()));
    }
    let over = take_at_once(tx, claim, &missing, true, now).await?;
    match without(&missing, &over)?.first() {
        None => Ok(Ok(())),
        Some(_) if is_for_the_line(tx, claim).await? => Ok(Err(ChoiceError::WaitedFor)),
        Some(seat) => Ok(Err(ChoiceError::Taken(*seat))),
    }
}

/// Whether what is free is kept from a claim for those who wait.
async fn is_for_the_line(tx: &Transaction<'_>, claim: Claim) -> Result<bool> {
    Ok(!claim.passes && waiting_list::is_waited_for(tx, claim.ticket_type).await?)
}

fn numbers(seats: &[SeatNumber]) -> Vec<i32> {
    seats.iter().map(|seat| seat.get()).collect()
}

fn without(seats: &[SeatNumber], taken: &[Row]) -> Result<Vec<SeatNumber>> {
    let taken = taken.iter().map(|row| row.col::<i32>("number"));
    let taken = taken.collect::<Result<HashSet<i32>>>()?;
    let rest = seats.iter().filter(|seat| !taken.contains(&seat.get()));
    Ok(rest.copied().collect())
}

/// Takes those of some seats that can be had without waiting: all of them, or those alone that carts have kept too long.
async fn take_at_once(
    tx: &Transaction<'_>,
    claim: Claim,
    seats: &[SeatNumber],
    only_late: bool,
    now: Timestamp,
) -> Result<Vec<Row>> {
    let (holder, is_order) = claim.owner.holder();
    let params = params![
        INT8: claim.ticket_type.get(), INT4_ARRAY: numbers(seats), INT8: holder, BOOL: is_order,
        TIMESTAMPTZ: claim.until.inner(), BOOL: claim.passes, TIMESTAMPTZ: now.inner(),
    ];
    let sql = if only_late {
        TAKE_OVER_SQL
    } else {
        TAKE_AT_ONCE_SQL
    };
    Ok(tx.query_typed(sql, params).await?)
}

const HELD_SQL: &str = "
    select number from seat_stock where holder_id = $1 and holder_is_order = $2 order by number";

/// The seats that an owner holds, and has locked.
pub async fn held(tx: &Transaction<'_>, owner: Owner) -> Result<Vec<SeatNumber>> {
    let (holder, is_order) = owner.holder();
    let rows = tx
        .query_typed(HELD_SQL, params![INT8: holder, BOOL: is_order])
        .await?;
    let numbers = rows.iter().map(|row| row.col("number").map(SeatNumber::new));
    numbers.collect()
}

const RELEASE_SQL: &str = "
    update seat_stock set holder_id = null, held_until = null
    where holder_id = $1 and not holder_is_order and number = any($2)";

/// Gives back some of the seats that a row of a cart holds, and has locked.
pub async fn release(tx: &Transaction<'_>, item: CartItemId, seats: &[SeatNumber]) -> Result<()> {
    if seats.is_empty() {
        return Ok(());
    }
    let params = params![INT8: item.get(), INT4_ARRAY: numbers(seats)];
    tx.execute_typed(RELEASE_SQL, params).await?;
    Ok(())
}

/// Gives back seats that carts have kept for too long.
macro_rules! release_expired {
    ($which:literal) => {
        concat!(
            "with late as materialized (
                select ticket_type_id, number from seat_stock where holder_id is not null and not holder_is_order and ",
            $which,
            " for no key update skip locked
            )
            update seat_stock k set holder_id = null, held_until = null
            from late l where k.ticket_type_id = l.ticket_type_id and k.number = l.number"
        )
    };
}

const RELEASE_EXPIRED_SQL: &str = release_expired!("held_until <= $1 limit $2");
const RELEASE_EXPIRED_OF_TYPE_SQL: &str = release_expired!("ticket_type_id = $1 and held_until <= $2");

/// Gives back seats that carts have kept for too long, at most `limit` of them. Returns how many.
pub(crate) async fn release_expired(tx: &Transaction<'_>, now: Timestamp, limit: u32) -> Result<u64> {
    let params = params![TIMESTAMPTZ: now.inner(), INT8: i64::from(limit)];
    Ok(tx.execute_typed(RELEASE_EXPIRED_SQL, params).await?)
}

/// The same for all of a ticket type.
pub(crate) async fn release_expired_of_type(
    tx: &Transaction<'_>,
    ticket_type: TicketTypeId,
    now: Timestamp,
) -> Result<()> {
    let params = params![INT8: ticket_type.get(), TIMESTAMPTZ: now.inner()];
    tx.execute_typed(RELEASE_EXPIRED_OF_TYPE_SQL, params).await?;
    Ok(())
}

const UNSELL_SQL: &str = "
    with back as materialized (
        select k.ticket_type_id, k.number
        from issued_tickets t join seat_stock k on k.ticket_type_id = t.ticket_type_id and k.number = t.seat
        where t.id = any($1) order by k.ticket_type_id, k.number for no key update of k
    )
    update seat_stock k set sold = false from back b where k.ticket_type_id = b.ticket_type_id and k.number = b.number";

/// Puts the seats of tickets that this transaction voids back on sale; each one its own.
pub(crate) async fn unsell(tx: &Transaction<'_>, tickets: Vec<i64>) -> Result<()> {
    tx.execute_typed(UNSELL_SQL, params![INT8_ARRAY: tickets]).await?;
    Ok(())
}

/// Reads a list of seats that may be absent.
pub(crate) fn read_numbers(row: &Row, name: &str) -> Result<Option<Vec<SeatNumber>>> {
    let numbers: Option<Vec<i32>> = row.col(name)?;
    Ok(numbers.map(|numbers| numbers.into_iter().map(SeatNumber::new).collect()))
}

/// As the database keeps a list of seats.
pub(crate) fn write_numbers(seats: Option<&[SeatNumber]>) -> Option<Vec<i32>> {
    seats.map(numbers)
}
